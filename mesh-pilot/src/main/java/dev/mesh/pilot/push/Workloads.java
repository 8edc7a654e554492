package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.k8s.EndpointSlice;
import dev.mesh.api.k8s.Node;
import dev.mesh.api.k8s.Pod;
import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.object.Spec;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.Workload;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What serves: WorkloadEntries, Pods, and the EndpointSlices of Services. All that changes when something starts or
/// ends, and nothing else does.
///
/// @param entries by WorkloadEntry
/// @param pods those that have an address and have not come to their end
/// @param slices endpoints of Services, by `namespace/name` and then by address family, in the order of their addresses
/// @param findings on EndpointSlices
public record Workloads(
        List<Workload> entries,
        List<Workload> pods,
        Map<String, Map<String, List<Workload>>> slices,
        List<Finding> findings) {
    private static final String LOCALITY = "istio-locality";

    /// Whether an object of this kind is a part of it.
    static boolean has(Spec spec) {
        return spec instanceof WorkloadEntry
                || spec instanceof Pod
                || spec instanceof EndpointSlice
                || spec instanceof Node;
    }

    /// @param objects all of them; others are passed over
    static Workloads of(Collection<MeshObject> objects, WorkloadMemory memory) {
        var localities = new HashMap<String, String>();
        var podObjects = new ArrayList<MeshObject>();
        var sliceObjects = new ArrayList<MeshObject>();
        var entries = new ArrayList<Workload>();
        for (MeshObject object : objects) {
            switch (object.spec()) {
                case Node node -> localities.put(object.ref().name(), locality(object));
                case Pod pod -> podObjects.add(object);
                case EndpointSlice slice -> sliceObjects.add(object);
                case WorkloadEntry entry -> entries.add(PushContextBuilder.workload(object, entry));
                default -> {}
            }
        }
        memory.begin(localities);
        var byName = new HashMap<String, Workload>();
        var pods = new ArrayList<Workload>();
        for (MeshObject object : podObjects) {
            Pod pod = (Pod) object.spec();
            if (pod.isAlive() && !pod.status().podIP().isEmpty()) {
                Workload workload = memory.pod(object, () -> pod(object, pod, localities));
                pods.add(workload);
                byName.put(workload.namespace() + "/" + workload.name(), workload);
            }
        }
        var findings = new ArrayList<Finding>();
        var found = new HashMap<String, Map<String, List<WorkloadMemory.Endpoints>>>();
        for (MeshObject object : sliceObjects) {
            slice(object, (EndpointSlice) object.spec(), byName, localities, memory, found, findings);
        }
        memory.end();
        var slices = new HashMap<String, Map<String, List<Workload>>>();
        found.forEach((service, families) -> {
            var byFamily = new HashMap<String, List<Workload>>();
            families.forEach((family, parts) -> byFamily.put(family, together(parts)));
            slices.put(service, byFamily);
        });
        return new Workloads(List.copyOf(entries), List.copyOf(pods), slices, List.copyOf(findings));
    }

    /// Entries and Pods.
    public List<Workload> all() {
        return Stream.concat(entries.stream(), pods.stream()).toList();
    }

    // region/zone/subzone, as far as the node's labels say.
    private static String locality(MeshObject node) {
        var labels = node.metadata().labels();
        return join(
                labels.getOrDefault(Node.REGION, ""),
                labels.getOrDefault(Node.ZONE, ""),
                labels.getOrDefault(Node.SUBZONE, ""));
    }

    private static String join(String region, String zone, String subzone) {
        String all = region + "/" + zone + "/" + subzone;
        int end = all.length();
        while (end > 0 && all.charAt(end - 1) == '/') {
            end--;
        }
        return all.substring(0, end);
    }

    private static Workload pod(MeshObject object, Pod pod, Map<String, String> localities) {
        // A label's value has no slashes; Istio takes dots for them.
        String written = object.metadata().labels().getOrDefault(LOCALITY, "").replace('.', '/');
        return new Workload(
                object.ref().name(),
                object.ref().namespace(),
                pod.status().podIP(),
                object.metadata().labels(),
                pod.namedPorts(),
                written.isEmpty() ? localities.getOrDefault(pod.spec().nodeName(), "") : written,
                1,
                pod.spec().serviceAccountName(),
                pod.isReady() ? Workload.Health.HEALTHY : Workload.Health.UNHEALTHY,
                false,
                pod.spec().nodeName(),
                pod.status().podIPs().stream()
                        .map(Pod.PodIp::ip)
                        .filter(ip -> !ip.equals(pod.status().podIP()))
                        .findFirst()
                        .orElse(""),
                "");
    }

    private static void slice(
            MeshObject object,
            EndpointSlice slice,
            Map<String, Workload> pods,
            Map<String, String> localities,
            WorkloadMemory memory,
            Map<String, Map<String, List<WorkloadMemory.Endpoints>>> slices,
            List<Finding> findings) {
        String service = object.metadata().labels().getOrDefault(EndpointSlice.SERVICE, "");
        if (service.isEmpty()) {
            return; // of no Service: Kubernetes itself takes no notice of it
        }
        if (slice.addressType().equals("FQDN")) {
            findings.add(Remarks.remark(
                    object,
                    Finding.Code.NOT_HONOURED,
                    "addressType",
                    "FQDN: names as endpoints are not honoured (expected: IPv4 or IPv6; a ServiceEntry takes names)"));
            return;
        }
        var itsPods = new ArrayList<@Nullable Workload>();
        slice.endpoints().forEach(endpoint -> itsPods.add(podOf(object, endpoint, pods)));
        slices.computeIfAbsent(object.ref().namespace() + "/" + service, any -> new HashMap<>())
                .computeIfAbsent(slice.addressType(), any -> new ArrayList<>())
                .add(memory.slice(object, itsPods, () -> endpoints(object, slice, itsPods, localities)));
    }

    private static WorkloadMemory.Endpoints endpoints(
            MeshObject object, EndpointSlice slice, List<@Nullable Workload> itsPods, Map<String, String> localities) {
        var ports = new HashMap<String, Integer>();
        slice.ports().forEach(port -> {
            Integer number = port.port();
            if (number != null && (port.protocol().isEmpty() || port.protocol().equals("TCP"))) {
                ports.put(port.name(), number);
            }
        });
        var made = new ArrayList<Workload>();
        for (int i = 0; i < itsPods.size(); i++) {
            EndpointSlice.Endpoint endpoint = slice.endpoints().get(i);
            if (!endpoint.addresses().isEmpty()) {
                made.add(endpoint(object, endpoint, ports, itsPods.get(i), localities));
            }
        }
        return new WorkloadMemory.Endpoints(itsPods, made, distinct(made));
    }

    private static @Nullable Workload podOf(
            MeshObject slice, EndpointSlice.Endpoint endpoint, Map<String, Workload> pods) {
        var target = endpoint.targetRef();
        return target == null || !target.kind().equals("Pod")
                ? null
                : pods.get(slice.ref().namespace() + "/" + target.name());
    }

    private static Workload endpoint(
            MeshObject slice,
            EndpointSlice.Endpoint endpoint,
            Map<String, Integer> ports,
            @Nullable Workload pod,
            Map<String, String> localities) {
        String namespace = slice.ref().namespace();
        String address = endpoint.addresses().getFirst();
        var target = endpoint.targetRef();
        String name = target == null ? address : target.name();
        String locality = pod == null ? localities.getOrDefault(endpoint.nodeName(), "") : pod.locality();
        return new Workload(
                name,
                namespace,
                address,
                pod == null ? Map.of() : pod.labels(),
                ports,
                locality.isEmpty() ? join("", endpoint.zone(), "") : locality,
                1,
                pod == null ? "" : pod.serviceAccount(),
                health(endpoint.conditions()),
                true,
                endpoint.nodeName().isEmpty() && pod != null ? pod.node() : endpoint.nodeName(),
                "",
                endpoint.hostname());
    }

    // Ready is ready, even when it ends: so it is for Services that publish addresses that are not ready. What ends and
    // still serves keeps its connections; Istio tells the two apart the same way.
    private static Workload.Health health(EndpointSlice.@Nullable Conditions conditions) {
        if (conditions == null || conditions.ready() == null || conditions.ready()) {
            return Workload.Health.HEALTHY;
        }
        boolean ends = Boolean.TRUE.equals(conditions.terminating());
        boolean serves = Boolean.TRUE.equals(conditions.serving());
        return ends && serves ? Workload.Health.DRAINING : Workload.Health.UNHEALTHY;
    }

    // A Service has one slice as a rule.
    private static List<Workload> together(List<WorkloadMemory.Endpoints> slices) {
        return slices.size() == 1
                ? slices.getFirst().distinct()
                : distinct(
                        slices.stream().flatMap(slice -> slice.made().stream()).toList());
    }

    // While Kubernetes moves an endpoint from one slice to another it is in both.
    private static List<Workload> distinct(List<Workload> found) {
        var kept = new LinkedHashMap<Place, Workload>();
        found.stream()
                .sorted(Comparator.comparing(Workload::address)
                        .thenComparing(Workload::health)
                        .thenComparing(Workload::name))
                .forEach(workload -> kept.putIfAbsent(new Place(workload.address(), workload.ports()), workload));
        return List.copyOf(kept.values());
    }

    private record Place(String address, Map<String, Integer> ports) {}

    /// Which of them serve which host.
    Map<String, List<Workload>> serving(Collection<ServiceInfo> services) {
        var entriesByLabel = index(entries);
        boolean selectsPods = services.stream()
                .anyMatch(service ->
                        !service.hasShortNames() && !service.selector().isEmpty());
        var podsByLabel = index(selectsPods ? pods : List.of());
        var serving = new HashMap<String, List<Workload>>();
        for (ServiceInfo service : services) {
            List<Workload> ofSlices = service.hasShortNames()
                    ? ofFamily(slices.getOrDefault(service.namespace() + "/" + service.name(), Map.of()), service)
                    : List.of();
            var found = new ArrayList<>(ofSlices);
            if (!service.selector().isEmpty()) {
                found.addAll(selected(entriesByLabel, service));
                if (!service.hasShortNames()) {
                    found.addAll(selected(podsByLabel, service));
                }
            }
            if (!found.isEmpty()) {
                // The same list as before where it is: that it has not changed is seen at a glance.
                serving.put(service.host(), found.size() == ofSlices.size() ? ofSlices : List.copyOf(found));
            }
        }
        return serving;
    }

    // A dual-stack Service has every Pod in both families. It is one endpoint, at the Service's first family, and
    // at the other for clients that have that alone.
    private static List<Workload> ofFamily(Map<String, List<Workload>> families, ServiceInfo service) {
        String first = service.addresses().isEmpty()
                ? "IPv4"
                : service.addresses().getFirst().contains(":") ? "IPv6" : "IPv4";
        List<Workload> found = families.getOrDefault(first, List.of());
        List<Workload> others = families.getOrDefault(first.equals("IPv4") ? "IPv6" : "IPv4", List.of());
        if (others.isEmpty() || found.isEmpty()) {
            return found.isEmpty() ? others : found;
        }
        var byName = new HashMap<Twin, String>();
        others.forEach(other -> byName.putIfAbsent(Twin.of(other), other.address()));
        var all = new ArrayList<Workload>();
        for (Workload workload : found) {
            String other = byName.remove(Twin.of(workload));
            all.add(other == null ? workload : workload.alsoAt(other));
        }
        others.stream()
                .filter(other -> !other.name().equals(other.address())) // whose addresses somebody wrote: who knows
                .filter(other -> other.address().equals(byName.get(Twin.of(other))))
                .forEach(all::add);
        return List.copyOf(all);
    }

    /// What tells that endpoints of two families are one.
    private record Twin(String name, Map<String, Integer> ports) {
        private static Twin of(Workload workload) {
            return new Twin(workload.name(), workload.ports());
        }
    }

    private static Map<Label, List<Workload>> index(List<Workload> workloads) {
        var byLabel = new HashMap<Label, List<Workload>>();
        for (Workload workload : workloads) {
            workload.labels()
                    .forEach((name, value) -> byLabel.computeIfAbsent(
                                    new Label(workload.namespace(), name, value), any -> new ArrayList<>())
                            .add(workload));
        }
        return byLabel;
    }

    private static List<Workload> selected(Map<Label, List<Workload>> byLabel, ServiceInfo service) {
        var first = service.selector().entrySet().iterator().next();
        return byLabel
                .getOrDefault(new Label(service.namespace(), first.getKey(), first.getValue()), List.of())
                .stream()
                .filter(workload -> workload.matches(service.selector()))
                .toList();
    }

    private record Label(String namespace, String name, String value) {}
}
