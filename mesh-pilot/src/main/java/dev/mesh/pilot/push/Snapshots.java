package dev.mesh.pilot.push;

import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.MeshDefaults;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Makes one snapshot after another from the objects there are. One thread.
public final class Snapshots {
    private final MeshDefaults defaults;
    private final WorkloadMemory memory = new WorkloadMemory();
    private long revision;
    private List<MeshObject> rules = List.of();
    private @Nullable PushContext newest;

    /// Of a local mesh.
    public Snapshots() {
        this(MeshDefaults.LOCAL);
    }

    /// @param defaults where the settings of the mesh say nothing
    public Snapshots(MeshDefaults defaults) {
        this.defaults = defaults;
    }

    /// When only workloads changed, everything else of the last snapshot is taken over.
    ///
    /// @param objects all of them, in the order of their source
    /// @param since when the oldest change was seen, nanoseconds of `System.nanoTime`
    public PushRequest next(Collection<MeshObject> objects, long since) {
        var rulesNow = new ArrayList<MeshObject>();
        var moving = new ArrayList<MeshObject>();
        Collection<MeshObject> discovered = MeshSettings.discovered(objects);
        discovered.forEach(object -> (Workloads.has(object.spec()) ? moving : rulesNow).add(object));
        PushContext before = newest;
        PushContext after;
        if (before != null && same(rules, rulesNow)) {
            after = before.withWorkloads(++revision, Workloads.of(moving, memory));
        } else {
            after = PushContextBuilder.build(++revision, discovered, defaults, memory);
        }
        rules = rulesNow;
        newest = after;
        return PushRequest.between(before, after, since);
    }

    // Where an object stands in its file is no part of what it says.
    private static boolean same(List<MeshObject> a, List<MeshObject> b) {
        if (a.size() != b.size()) {
            return false;
        }
        for (int i = 0; i < a.size(); i++) {
            MeshObject one = a.get(i);
            MeshObject other = b.get(i);
            if (one != other
                    && !(one.ref().equals(other.ref())
                            && one.spec().equals(other.spec())
                            && one.metadata().equals(other.metadata()))) {
                return false;
            }
        }
        return true;
    }
}
