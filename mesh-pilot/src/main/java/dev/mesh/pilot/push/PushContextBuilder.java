package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.k8s.Service;
import dev.mesh.api.networking.Destination;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.ServiceEntry;
import dev.mesh.api.networking.Sidecar;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.model.ServiceInfo.Protocol;
import dev.mesh.pilot.model.Workload;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Objects → [PushContext]. Pure.
public final class PushContextBuilder {
    private final TreeMap<String, ServiceInfo> services = new TreeMap<>();
    private final List<Workload> workloads = new ArrayList<>();
    private final List<PushContext.Rule<VirtualService>> virtualServices = new ArrayList<>();
    private final Map<String, PushContext.Rule<DestinationRule>> destinationRules = new LinkedHashMap<>();
    private final List<PushContext.Rule<Gateway>> gateways = new ArrayList<>();
    private final List<Finding> findings = new ArrayList<>();

    private PushContextBuilder() {}

    /// @param objects oldest first
    public static PushContext build(long revision, Collection<MeshObject> objects) {
        var builder = new PushContextBuilder();
        objects.forEach(builder::add);
        builder.check();
        return new PushContext(
                revision,
                builder.services,
                List.copyOf(builder.workloads),
                List.copyOf(builder.virtualServices),
                builder.destinationRules,
                List.copyOf(builder.gateways),
                List.copyOf(builder.findings));
    }

    private void add(MeshObject object) {
        switch (object.spec()) {
            case Service service -> service(object, service);
            case WorkloadEntry entry ->
                workloads.add(new Workload(
                        object.ref().name(),
                        object.ref().namespace(),
                        entry.address(),
                        entry.labels(),
                        entry.ports(),
                        entry.locality(),
                        Math.max(1, entry.weight())));
            case VirtualService spec -> virtualServices.add(new PushContext.Rule<>(object, spec));
            case DestinationRule spec -> {
                String host = PushContext.qualify(spec.host(), object.ref().namespace());
                var other = destinationRules.putIfAbsent(host, new PushContext.Rule<>(object, spec));
                if (other != null) {
                    remark(
                            object,
                            Finding.Code.CONFLICTING_HOST,
                            "spec.host",
                            host + " has a rule already: " + other.object().ref() + ", which is used");
                }
            }
            case Gateway spec -> gateways.add(new PushContext.Rule<>(object, spec));
            case ServiceEntry ignored -> notHonoured(object, "ServiceEntry");
            case Sidecar ignored -> notHonoured(object, "Sidecar");
            default -> {
                if (object.ref().group().endsWith("istio.io")) {
                    notHonoured(object, object.ref().kind());
                }
            }
        }
    }

    private void notHonoured(MeshObject object, String kind) {
        remark(object, Finding.Code.NOT_HONOURED, "", kind + " is not honoured yet");
    }

    private void remark(MeshObject object, Finding.Code code, String path, String message) {
        findings.add(new Finding(
                code, object.ref(), path, message, object.positions().of(path)));
    }

    private void service(MeshObject object, Service spec) {
        var ports = new ArrayList<PortInfo>();
        for (var port : spec.ports()) {
            ports.add(new PortInfo(
                    port.name(),
                    port.port(),
                    protocol(port.name(), port.appProtocol()),
                    port.targetPort().text().isEmpty()
                            ? Integer.toString(port.port())
                            : port.targetPort().text()));
        }
        String host = object.ref().name() + "." + object.ref().namespace() + ".svc.cluster.local";
        services.put(
                host,
                new ServiceInfo(host, object.ref().namespace(), object.ref().name(), spec.selector(), ports));
    }

    /// What a port carries, by its `appProtocol`, else by the first part of its name (Istio, "Protocol
    /// selection"); nothing said is HTTP here, since there is no sniffing.
    public static Protocol protocol(String name, String appProtocol) {
        String said = (appProtocol.isEmpty() ? name : appProtocol).toLowerCase(Locale.ROOT);
        int dash = appProtocol.isEmpty() ? said.indexOf('-') : -1;
        return switch (dash < 0 ? said : said.substring(0, dash)) {
            case "grpc", "http2", "kubernetes.io/h2c" -> Protocol.HTTP2;
            case "tcp", "tls", "https", "mongo", "mysql", "redis" -> Protocol.TCP;
            default -> Protocol.HTTP;
        };
    }

    // ---- what only shows when all is known ----

    private void check() {
        for (var rule : virtualServices) {
            for (int i = 0; i < rule.spec().http().size(); i++) {
                var route = rule.spec().http().get(i);
                String path = "spec.http[" + i + "]";
                for (int j = 0; j < route.route().size(); j++) {
                    destination(rule, route.route().get(j).destination(), path + ".route[" + j + "].destination");
                }
                unhonoured(rule.object(), path, "fault", route.fault());
                unhonoured(rule.object(), path, "mirror", route.mirror());
                unhonoured(rule.object(), path, "mirrors", route.mirrors());
                unhonoured(rule.object(), path, "corsPolicy", route.corsPolicy());
                unhonoured(rule.object(), path, "delegate", route.delegate());
                for (int j = 0; j < route.match().size(); j++) {
                    var match = route.match().get(j);
                    String at = path + ".match[" + j + "]";
                    unhonoured(rule.object(), at, "sourceLabels", match.sourceLabels());
                    unhonoured(rule.object(), at, "sourceNamespace", match.sourceNamespace());
                    unhonoured(rule.object(), at, "gateways", match.gateways());
                    unhonoured(rule.object(), at, "statPrefix", match.statPrefix());
                }
            }
            unhonoured(rule.object(), "spec", "tls", rule.spec().tls());
            unhonoured(rule.object(), "spec", "tcp", rule.spec().tcp());
            unhonoured(rule.object(), "spec", "exportTo", rule.spec().exportTo());
            for (int i = 0; i < rule.spec().gateways().size(); i++) {
                String name = rule.spec().gateways().get(i);
                if (!name.equals("mesh")
                        && gateways.stream().noneMatch(gateway -> isNamed(gateway, name, rule.namespace()))) {
                    remark(
                            rule.object(),
                            Finding.Code.GATEWAY_NOT_FOUND,
                            "spec.gateways[" + i + "]",
                            name + " is not known");
                }
            }
        }
        destinationRules.values().forEach(rule -> {
            var policy = rule.spec().trafficPolicy();
            if (policy != null) {
                if (policy.tls() != null) {
                    remark(
                            rule.object(),
                            Finding.Code.NOT_HONOURED_FAILS_CLOSED,
                            "spec.trafficPolicy.tls",
                            "not honoured yet: the service's clusters get no endpoints, so that nothing goes in plaintext");
                }
                unhonoured(rule.object(), "spec.trafficPolicy", "connectionPool", policy.connectionPool());
                unhonoured(rule.object(), "spec.trafficPolicy", "outlierDetection", policy.outlierDetection());
                unhonoured(rule.object(), "spec.trafficPolicy", "portLevelSettings", policy.portLevelSettings());
            }
        });
    }

    /// Whether a Gateway is what `name` in an object of `namespace` means: `name`, or `namespace/name`.
    public static boolean isNamed(PushContext.Rule<Gateway> gateway, String name, String namespace) {
        return name.equals(gateway.namespace() + "/" + gateway.name())
                || (name.equals(gateway.name()) && namespace.equals(gateway.namespace()));
    }

    private void unhonoured(MeshObject object, String path, String field, @Nullable Object value) {
        boolean set = value != null
                && !(value instanceof Collection<?> many && many.isEmpty())
                && !(value instanceof Map<?, ?> map && map.isEmpty())
                && !value.equals("");
        if (set) {
            remark(object, Finding.Code.NOT_HONOURED, path + "." + field, "not honoured yet");
        }
    }

    private void destination(PushContext.Rule<VirtualService> rule, Destination destination, String path) {
        String host = PushContext.qualify(destination.host(), rule.namespace());
        if (!services.containsKey(host)) {
            remark(rule.object(), Finding.Code.HOST_NOT_FOUND, path + ".host", host + " is no service that is known");
            return;
        }
        if (!destination.subset().isEmpty()) {
            var policy = destinationRules.get(host);
            boolean defined = policy != null
                    && policy.spec().subsets().stream()
                            .anyMatch(subset -> subset.name().equals(destination.subset()));
            if (!defined) {
                remark(
                        rule.object(),
                        Finding.Code.SUBSET_NOT_DEFINED,
                        path + ".subset",
                        destination.subset() + " is not defined by a DestinationRule for " + host);
            }
        }
    }
}
