package dev.mesh.proxy.admin;

import com.google.protobuf.Any;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.JsonFormat;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.admin.AdminHandlers.Reply;
import dev.mesh.proxy.load.Entry;
import io.envoyproxy.envoy.admin.v3.BootstrapConfigDump;
import io.envoyproxy.envoy.admin.v3.ClientResourceStatus;
import io.envoyproxy.envoy.admin.v3.ClustersConfigDump;
import io.envoyproxy.envoy.admin.v3.ConfigDump;
import io.envoyproxy.envoy.admin.v3.EndpointsConfigDump;
import io.envoyproxy.envoy.admin.v3.ListenersConfigDump;
import io.envoyproxy.envoy.admin.v3.RoutesConfigDump;
import io.envoyproxy.envoy.admin.v3.ScopedRoutesConfigDump;
import io.envoyproxy.envoy.admin.v3.SecretsConfigDump;
import io.envoyproxy.envoy.admin.v3.UpdateFailureState;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// `/config_dump`, as `envoy.admin.v3.ConfigDump`. Passwords and private keys are left out.
final class ConfigDumpHandler {
    private final AdminView view;
    private final JsonFormat.Printer printer =
            JsonFormat.printer().usingTypeRegistry(EnvoyTypes.REGISTRY).preservingProtoFieldNames();

    ConfigDumpHandler(AdminView view) {
        this.view = view;
    }

    /// @param query `resource` (a repeated field of a section), `mask` (fields to keep), `name_regex` (RE2, the whole
    /// name), `include_eds`
    Reply dump(Map<String, String> query) {
        Predicate<String> wanted;
        try {
            wanted = wanted(query);
        } catch (PatternSyntaxException e) {
            return Reply.wrong("Error while parsing name_regex: " + e.getDescription());
        }
        String resource = query.getOrDefault("resource", "");
        boolean endpoints = query.containsKey("include_eds") || resource.endsWith("_endpoint_configs");
        List<Message> sections = sections(wanted, endpoints);
        String mask = query.getOrDefault("mask", "");
        var dump = ConfigDump.newBuilder();
        try {
            if (resource.isEmpty()) {
                for (Message section : sections) {
                    dump.addConfigs(Any.pack(Mask.lenient(section, mask)));
                }
            } else {
                for (Message element : elements(sections, resource)) {
                    dump.addConfigs(Any.pack(Mask.strict(element, mask)));
                }
            }
        } catch (Mask.Unusable e) {
            return Reply.wrong(String.valueOf(e.getMessage()));
        } catch (NoSuchResource e) {
            return new Reply(e.status, Reply.TEXT, e.getMessage() + "\n");
        }
        return print(dump.build());
    }

    private static Predicate<String> wanted(Map<String, String> query) {
        String regex = query.get("name_regex");
        if (regex == null) {
            return name -> true;
        }
        Pattern pattern = Pattern.compile(regex);
        return name -> pattern.matcher(name).matches();
    }

    private List<Message> sections(Predicate<String> wanted, boolean endpoints) {
        List<Entry> all = view.loader().dump();
        List<Entry> entries =
                all.stream().filter(entry -> wanted.test(entry.name())).toList();
        var sections = new ArrayList<Message>();
        sections.add(
                BootstrapConfigDump.newBuilder().setBootstrap(view.bootstrap()).build());
        sections.add(clusterDump(entries));
        if (endpoints) {
            sections.add(endpointDump(entries));
        }
        sections.add(listenerDump(entries));
        sections.add(ScopedRoutesConfigDump.getDefaultInstance());
        // Virtual hosts have names of their own, so those of all are handed on.
        sections.add(routeDump(all, wanted));
        sections.add(secretDump(wanted));
        return sections;
    }

    // Without private keys, as in Envoy.
    private SecretsConfigDump secretDump(Predicate<String> wanted) {
        var dump = SecretsConfigDump.newBuilder();
        for (Secret secret : view.secrets().all()) {
            if (wanted.test(secret.getName())) {
                var shown = secret.toBuilder();
                if (secret.hasTlsCertificate()) {
                    shown.getTlsCertificateBuilder()
                            .clearPassword()
                            .setPrivateKey(DataSource.newBuilder().setInlineString("[redacted]"));
                }
                dump.addDynamicActiveSecrets(SecretsConfigDump.DynamicSecret.newBuilder()
                        .setName(secret.getName())
                        .setSecret(Any.pack(shown.build())));
            }
        }
        return dump.build();
    }

    /// A question for something that no section has.
    private static final class NoSuchResource extends Exception {
        private static final long serialVersionUID = 1;
        private final int status;

        NoSuchResource(int status, String message) {
            super(message, null, false, false);
            this.status = status;
        }
    }

    private static List<Message> elements(List<Message> sections, String resource) throws NoSuchResource {
        for (Message section : sections) {
            FieldDescriptor field = section.getDescriptorForType().findFieldByName(resource);
            if (field == null) {
                continue;
            }
            if (!field.isRepeated()) {
                throw new NoSuchResource(
                        400, resource + " is not a repeated field. Use ?mask=" + resource + " to get only this field");
            }
            var elements = new ArrayList<Message>();
            for (int i = 0; i < section.getRepeatedFieldCount(field); i++) {
                elements.add((Message) section.getRepeatedField(field, i));
            }
            return elements;
        }
        throw new NoSuchResource(404, resource + " not found in config dump");
    }

    private Reply print(ConfigDump dump) {
        try {
            return Reply.json(printer.print(Redaction.of(dump)));
        } catch (InvalidProtocolBufferException e) {
            return new Reply(500, Reply.TEXT, "cannot be printed: " + e.getMessage() + "\n");
        }
    }

    private static ClientResourceStatus status(Entry entry) {
        return entry.error().isEmpty() ? ClientResourceStatus.ACKED : ClientResourceStatus.NACKED;
    }

    private static @Nullable UpdateFailureState failure(Entry entry) {
        return entry.error().isEmpty()
                ? null
                : UpdateFailureState.newBuilder()
                        .setDetails(entry.error())
                        .setVersionInfo(entry.failedVersion())
                        .build();
    }

    private static Timestamp since(Entry entry) {
        var since = entry.since();
        return since == null
                ? Timestamp.getDefaultInstance()
                : Timestamp.newBuilder()
                        .setSeconds(since.getEpochSecond())
                        .setNanos(since.getNano())
                        .build();
    }

    private static List<Entry> of(List<Entry> entries, XdsType type) {
        var found = new ArrayList<Entry>();
        for (Entry entry : entries) {
            if (entry.type() == type) {
                found.add(entry);
            }
        }
        return found;
    }

    private static ClustersConfigDump clusterDump(List<Entry> entries) {
        var dump = ClustersConfigDump.newBuilder();
        for (Entry entry : of(entries, XdsType.CLUSTER)) {
            if (entry.isStatic()) {
                var one = ClustersConfigDump.StaticCluster.newBuilder().setLastUpdated(since(entry));
                if (entry.body() != null) {
                    one.setCluster(entry.body());
                }
                dump.addStaticClusters(one);
            } else {
                var one = ClustersConfigDump.DynamicCluster.newBuilder()
                        .setVersionInfo(entry.version().isEmpty() ? entry.warmingVersion() : entry.version())
                        .setLastUpdated(since(entry))
                        .setClientStatus(status(entry));
                if (entry.body() != null) {
                    one.setCluster(entry.body());
                }
                var failure = failure(entry);
                if (failure != null) {
                    one.setErrorState(failure);
                }
                if (entry.version().isEmpty() && entry.body() == null) {
                    dump.addDynamicWarmingClusters(one);
                } else {
                    dump.addDynamicActiveClusters(one);
                }
            }
        }
        return dump.build();
    }

    private static ListenersConfigDump listenerDump(List<Entry> entries) {
        var dump = ListenersConfigDump.newBuilder();
        for (Entry entry : of(entries, XdsType.LISTENER)) {
            if (entry.isStatic()) {
                var one = ListenersConfigDump.StaticListener.newBuilder().setLastUpdated(since(entry));
                if (entry.body() != null) {
                    one.setListener(entry.body());
                }
                dump.addStaticListeners(one);
            } else {
                var one = ListenersConfigDump.DynamicListener.newBuilder()
                        .setName(entry.name())
                        .setClientStatus(status(entry));
                if (entry.body() != null) {
                    one.setActiveState(ListenersConfigDump.DynamicListenerState.newBuilder()
                            .setVersionInfo(entry.version())
                            .setLastUpdated(since(entry))
                            .setListener(entry.body()));
                }
                if (!entry.warmingVersion().isEmpty()) {
                    one.setWarmingState(ListenersConfigDump.DynamicListenerState.newBuilder()
                            .setVersionInfo(entry.warmingVersion()));
                }
                var failure = failure(entry);
                if (failure != null) {
                    one.setErrorState(failure);
                }
                dump.addDynamicListeners(one);
            }
        }
        return dump.build();
    }

    private static RoutesConfigDump routeDump(List<Entry> entries, Predicate<String> wanted) {
        var dump = RoutesConfigDump.newBuilder();
        InlineRoutes.of(entries).forEach(inline -> {
            if (wanted.test(inline.configuration().getName())) {
                dump.addStaticRouteConfigs(RoutesConfigDump.StaticRouteConfig.newBuilder()
                        .setRouteConfig(Any.pack(inline.configuration()))
                        .setLastUpdated(since(inline.listener())));
            }
        });
        List<Entry> hosts = of(entries, XdsType.VIRTUAL_HOST);
        for (Entry entry : of(
                entries.stream()
                        .filter(entry -> entry.type() != XdsType.ROUTE || wanted.test(entry.name()))
                        .toList(),
                XdsType.ROUTE)) {
            var one = RoutesConfigDump.DynamicRouteConfig.newBuilder()
                    .setVersionInfo(entry.version())
                    .setLastUpdated(since(entry))
                    .setClientStatus(status(entry));
            if (entry.body() != null) {
                one.setRouteConfig(RouteMerge.withHosts(entry, hosts));
            }
            var failure = failure(entry);
            if (failure != null) {
                one.setErrorState(failure);
            }
            dump.addDynamicRouteConfigs(one);
        }
        return dump.build();
    }

    private EndpointsConfigDump endpointDump(List<Entry> entries) {
        var dump = EndpointsConfigDump.newBuilder();
        StaticEndpoints.of(entries, view.loader().clusters().clusters())
                .forEach(assignment -> dump.addStaticEndpointConfigs(
                        EndpointsConfigDump.StaticEndpointConfig.newBuilder().setEndpointConfig(Any.pack(assignment))));
        for (Entry entry : of(entries, XdsType.ENDPOINT)) {
            var one = EndpointsConfigDump.DynamicEndpointConfig.newBuilder()
                    .setVersionInfo(entry.version())
                    .setLastUpdated(since(entry))
                    .setClientStatus(status(entry));
            if (entry.body() != null) {
                one.setEndpointConfig(entry.body());
            }
            dump.addDynamicEndpointConfigs(one);
        }
        return dump.build();
    }
}
