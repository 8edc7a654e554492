package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.k8s.Secret;
import dev.mesh.api.k8s.Service;
import dev.mesh.api.meshconfig.MeshConfig;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.ServiceEntry;
import dev.mesh.api.networking.Sidecar;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.MeshDefaults;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.Workload;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Objects → [PushContext]. Pure.
public final class PushContextBuilder {
    private final TreeMap<String, ServiceInfo> services = new TreeMap<>();
    private final AutoAllocation allocation = new AutoAllocation();
    private final List<PushContext.Rule<VirtualService>> virtualServices = new ArrayList<>();
    private final List<PushContext.Rule<DestinationRule>> destinationRules = new ArrayList<>();
    private final List<PushContext.Rule<Gateway>> gateways = new ArrayList<>();
    private final List<PushContext.Rule<Sidecar>> sidecars = new ArrayList<>();
    private final List<MeshObject> secrets = new ArrayList<>();
    private final List<Finding> findings = new ArrayList<>();
    private @Nullable MeshConfig mesh;

    private final MeshDefaults defaults;

    private PushContextBuilder(MeshDefaults defaults) {
        this.defaults = defaults;
    }

    /// Of a local mesh.
    ///
    /// @param objects in the order of their source; where both have one, `creationTimestamp` goes before it
    public static PushContext build(long revision, Collection<MeshObject> objects) {
        return build(revision, objects, MeshDefaults.LOCAL);
    }

    /// @param objects in the order of their source; where both have one, `creationTimestamp` goes before it
    /// @param defaults where the settings of the mesh say nothing
    public static PushContext build(long revision, Collection<MeshObject> objects, MeshDefaults defaults) {
        return build(revision, objects, defaults, new WorkloadMemory());
    }

    /// @param memory of the snapshot before
    static PushContext build(
            long revision, Collection<MeshObject> objects, MeshDefaults defaults, WorkloadMemory memory) {
        var builder = new PushContextBuilder(defaults);
        List<MeshObject> ordered = objects.stream().sorted(OLDEST_FIRST).toList();
        ordered.forEach(builder::add);
        return builder.context(revision, Workloads.of(ordered, memory));
    }

    private static final Comparator<MeshObject> OLDEST_FIRST = Comparator.comparing(
            object -> object.metadata().creationTimestamp(), Comparator.nullsLast(Comparator.naturalOrder()));

    private PushContext context(long revision, Workloads workloads) {
        var resolved = Delegates.resolve(virtualServices, findings);
        var context = new PushContext(
                revision,
                services,
                workloads,
                workloads.serving(services.values()),
                allocation.allocate(findings),
                resolved,
                DestinationRules.of(destinationRules, MeshSettings.rootNamespace(mesh, defaults)),
                List.copyOf(gateways),
                List.copyOf(sidecars),
                Credentials.of(secrets),
                mesh,
                defaults,
                List.of());
        findings.addAll(Remarks.on(context, destinationRules));
        findings.addAll(workloads.findings());
        return new PushContext(
                revision,
                context.services(),
                workloads,
                context.serving(),
                context.allocated(),
                resolved,
                context.destinationRules(),
                context.gateways(),
                context.sidecars(),
                context.credentials(),
                mesh,
                defaults,
                List.copyOf(findings));
    }

    private void add(MeshObject object) {
        switch (object.spec()) {
            case Service service -> put(object, ServiceReader.read(object, service, findings));
            case ServiceEntry entry ->
                ServiceReader.read(object, entry, findings).forEach(service -> put(object, service));
            case WorkloadEntry entry -> {}
            case Secret secret -> secrets.add(object);
            case VirtualService spec -> virtualServices.add(new PushContext.Rule<>(object, spec));
            case DestinationRule spec -> destinationRules.add(new PushContext.Rule<>(object, spec));
            case Gateway spec -> gateways.add(new PushContext.Rule<>(object, spec));
            case MeshConfig spec -> {
                mesh = spec;
                MeshSettings.remark(object, spec, findings);
            }
            case Sidecar spec -> sidecars.add(new PushContext.Rule<>(object, spec));
            default -> {
                if (object.ref().group().endsWith("istio.io")) {
                    findings.add(Remarks.remark(
                            object, Finding.Code.NOT_HONOURED, "", object.ref().kind() + " is not honoured yet"));
                }
            }
        }
    }

    /// A workload as an entry describes it.
    public static Workload workload(MeshObject object, WorkloadEntry entry) {
        return new Workload(
                object.ref().name(),
                object.ref().namespace(),
                entry.address(),
                entry.labels().isEmpty() ? object.metadata().labels() : entry.labels(),
                entry.ports(),
                entry.locality(),
                Math.max(1, entry.weight()));
    }

    private void put(MeshObject object, ServiceInfo service) {
        ServiceInfo other = services.putIfAbsent(service.host(), service);
        if (other == null) {
            allocation.add(object, service);
        } else {
            findings.add(Remarks.remark(
                    object,
                    Finding.Code.CONFLICTING_HOST,
                    object.spec() instanceof ServiceEntry ? "spec.hosts" : "",
                    service.host() + " is " + other.from() + " already, which is used"));
        }
    }

    /// Whether a Gateway is what `name` in an object of `namespace` means: `name`, or `namespace/name`.
    public static boolean isNamed(PushContext.Rule<Gateway> gateway, String name, String namespace) {
        return name.equals(gateway.namespace() + "/" + gateway.name())
                || (name.equals(gateway.name()) && namespace.equals(gateway.namespace()))
                || name.equals("./" + gateway.name()) && namespace.equals(gateway.namespace());
    }
}
