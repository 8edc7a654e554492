package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.k8s.Service;
import dev.mesh.api.networking.ServiceEntry;
import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.Nearness;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.model.ServiceInfo.Protocol;
import dev.mesh.pilot.model.ServiceInfo.Resolution;
import dev.mesh.pilot.model.Workload;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// Kubernetes Services and ServiceEntries → [ServiceInfo].
final class ServiceReader {
    private static final String DISTRIBUTION = "networking.istio.io/traffic-distribution";

    private ServiceReader() {}

    static ServiceInfo read(MeshObject object, Service spec, List<Finding> findings) {
        var ports = new ArrayList<PortInfo>();
        for (int i = 0; i < spec.ports().size(); i++) {
            var port = spec.ports().get(i);
            if (!port.protocol().isEmpty() && !port.protocol().equals("TCP")) {
                findings.add(Remarks.remark(
                        object,
                        Finding.Code.NOT_HONOURED,
                        "spec.ports[" + i + "].protocol",
                        port.protocol() + " does not go through the mesh"));
                continue;
            }
            ports.add(new PortInfo(
                    port.name(),
                    port.port(),
                    protocol(port.name(), port.appProtocol()),
                    port.targetPort().text().isEmpty()
                            ? Integer.toString(port.port())
                            : port.targetPort().text()));
        }
        String host = object.ref().name() + "." + object.ref().namespace() + ".svc.cluster.local";
        boolean external =
                spec.type() == Service.Type.ExternalName && !spec.externalName().isEmpty();
        var addresses = new ArrayList<String>();
        (spec.clusterIPs().isEmpty() ? List.of(spec.clusterIP()) : spec.clusterIPs()).forEach(address -> {
            if (!address.isEmpty() && !address.equals("None")) {
                addresses.add(address);
            }
        });
        return new ServiceInfo(
                object.ref(),
                host,
                object.ref().namespace(),
                object.ref().name(),
                external ? Map.of() : spec.selector(),
                external ? Resolution.DNS : Resolution.KNOWN,
                addresses,
                ports,
                external ? List.of(at(spec.externalName(), object.ref().namespace())) : List.of(),
                exportTo(object),
                spec.clusterIP().equals("None"),
                nearness(object, spec.trafficDistribution(), findings),
                spec.internalTrafficPolicy().equals("Local"),
                List.of());
    }

    // The field goes before the annotation, which is older and read without regard to case (Istio,
    // GetTrafficDistribution).
    private static Nearness nearness(MeshObject object, String field, List<Finding> findings) {
        String written = field.isEmpty() ? object.metadata().annotations().getOrDefault(DISTRIBUTION, "") : field;
        return switch (written.toLowerCase(Locale.ROOT)) {
            case "" -> Nearness.ANY;
            case "preferclose", "prefersamezone" -> Nearness.SAME_ZONE;
            case "prefersamenode" -> Nearness.SAME_NODE;
            default -> {
                findings.add(Remarks.remark(
                        object,
                        Finding.Code.NOT_HONOURED,
                        field.isEmpty() ? "metadata.annotations[" + DISTRIBUTION + "]" : "spec.trafficDistribution",
                        written + " is not honoured (expected: PreferSameZone, PreferClose or PreferSameNode): near and"
                                + " far endpoints are used alike"));
                yield Nearness.ANY;
            }
        };
    }

    private static Set<String> exportTo(MeshObject object) {
        String written = object.metadata().annotations().getOrDefault("networking.istio.io/exportTo", "");
        return written.isBlank() ? Set.of() : Set.of(written.trim().split("\\s*,\\s*"));
    }

    static List<ServiceInfo> read(MeshObject object, ServiceEntry spec, List<Finding> findings) {
        var ports = spec.ports().stream()
                .map(port -> new PortInfo(
                        port.name(),
                        port.number(),
                        protocol(port.protocol(), ""),
                        Integer.toString(port.targetPort() == 0 ? port.number() : port.targetPort())))
                .toList();
        Remarks.serviceEntry(object, spec, findings);
        var addresses = new ArrayList<String>();
        for (String address : spec.addresses()) {
            addresses.add(address.replaceFirst(address.contains(":") ? "/128$" : "/32$", ""));
        }
        Nearness nearness = nearness(object, "", findings);
        var services = new ArrayList<ServiceInfo>();
        for (String host : spec.hosts()) {
            var endpoints = new ArrayList<Workload>();
            Resolution resolution = switch (spec.resolution()) {
                case STATIC -> Resolution.KNOWN;
                case NONE -> Resolution.NONE;
                case DNS, DNS_ROUND_ROBIN, DYNAMIC_DNS -> Resolution.DNS;
            };
            spec.endpoints().forEach(endpoint -> endpoints.add(endpoint(object, endpoint)));
            if (resolution == Resolution.DNS && endpoints.isEmpty() && spec.workloadSelector() == null) {
                endpoints.add(at(host, object.ref().namespace()));
            }
            services.add(new ServiceInfo(
                    object.ref(),
                    host,
                    object.ref().namespace(),
                    host,
                    spec.workloadSelector() == null
                            ? Map.of()
                            : spec.workloadSelector().labels(),
                    resolution,
                    addresses,
                    ports,
                    endpoints,
                    Set.copyOf(spec.exportTo()),
                    false,
                    nearness,
                    false,
                    spec.subjectAltNames()));
        }
        return services;
    }

    private static Workload at(String address, String namespace) {
        return new Workload(address, namespace, address, Map.of(), Map.of(), "", 1);
    }

    private static Workload endpoint(MeshObject object, WorkloadEntry entry) {
        return new Workload(
                entry.address(),
                object.ref().namespace(),
                entry.address(),
                entry.labels(),
                entry.ports(),
                entry.locality(),
                Math.max(1, entry.weight()));
    }

    /// What a port carries, by its `appProtocol`, else by the first part of its name (Istio, "Protocol
    /// selection").
    static Protocol protocol(String name, String appProtocol) {
        String said = (appProtocol.isEmpty() ? name : appProtocol).toLowerCase(Locale.ROOT);
        int dash = appProtocol.isEmpty() ? said.indexOf('-') : -1;
        return switch (dash < 0 ? said : said.substring(0, dash)) {
            case "grpc", "http2", "kubernetes.io/h2c" -> Protocol.HTTP2;
            case "tls", "https", "kubernetes.io/wss" -> Protocol.TLS;
            case "tcp", "mongo", "mysql", "redis" -> Protocol.TCP;
            case "http" -> Protocol.HTTP;
            default -> Protocol.AUTO;
        };
    }
}
