package dev.mesh.pilot.push;

import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.Workload;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What the objects of the last snapshot were made into, so that the next one makes anew only what has changed, and
/// what
/// has not is the same object: telling what differs is cheap then. One thread.
final class WorkloadMemory {
    /// What an EndpointSlice was made into.
    ///
    /// @param pods that its endpoints are, one for each; null = not one that is known
    /// @param made an endpoint each
    /// @param distinct the same in order, none twice
    record Endpoints(List<@Nullable Workload> pods, List<Workload> made, List<Workload> distinct) {
        boolean isOf(List<@Nullable Workload> others) {
            for (int i = 0; i < pods.size(); i++) {
                if (pods.get(i) != others.get(i)) {
                    return false;
                }
            }
            return true;
        }
    }

    private Map<String, String> localities = Map.of();
    private IdentityHashMap<MeshObject, Workload> pods = new IdentityHashMap<>();
    private IdentityHashMap<MeshObject, Workload> podsNow = new IdentityHashMap<>();
    private IdentityHashMap<MeshObject, Endpoints> slices = new IdentityHashMap<>();
    private IdentityHashMap<MeshObject, Endpoints> slicesNow = new IdentityHashMap<>();

    /// A snapshot begins.
    ///
    /// @param now of nodes, by name: what else a workload depends on
    void begin(Map<String, String> now) {
        if (!now.equals(localities)) {
            pods.clear();
            slices.clear();
            localities = Map.copyOf(now);
        }
        podsNow = new IdentityHashMap<>();
        slicesNow = new IdentityHashMap<>();
    }

    /// The workload of a Pod; `make` is called for one that is new.
    Workload pod(MeshObject object, Supplier<Workload> make) {
        Workload known = pods.get(object);
        Workload workload = known == null ? make.get() : known;
        podsNow.put(object, workload);
        return workload;
    }

    /// The endpoints of a slice; `make` is called for one that is new, or whose Pods are.
    ///
    /// @param itsPods for each of its endpoints
    Endpoints slice(MeshObject object, List<@Nullable Workload> itsPods, Supplier<Endpoints> make) {
        Endpoints known = slices.get(object);
        Endpoints endpoints = known == null || !known.isOf(itsPods) ? make.get() : known;
        slicesNow.put(object, endpoints);
        return endpoints;
    }

    /// It is complete: what was not asked for is forgotten.
    void end() {
        pods = podsNow;
        slices = slicesNow;
    }
}
