package dev.mesh.proxy.load;

import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.ClusterManager;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The clusters that are active. Written by the loader, read from any thread.
public final class LiveClusters implements ClusterManager {
    private final Map<String, Cluster> byName = new ConcurrentHashMap<>();

    void put(Cluster cluster) {
        byName.put(cluster.name(), cluster);
    }

    void remove(String name) {
        byName.remove(name);
    }

    @Override
    public @Nullable Cluster cluster(String name) {
        return byName.get(name);
    }

    @Override
    public Collection<Cluster> clusters() {
        var all = new ArrayList<>(byName.values());
        all.sort(java.util.Comparator.comparing(Cluster::name));
        return all;
    }
}
