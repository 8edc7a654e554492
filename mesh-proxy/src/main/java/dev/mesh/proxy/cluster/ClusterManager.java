package dev.mesh.proxy.cluster;

import java.util.Collection;
import org.jspecify.annotations.Nullable;

/// The clusters that are live now. Any thread.
public interface ClusterManager {
    /// Null if there is no such cluster, or it has not warmed yet.
    @Nullable
    Cluster cluster(String name);

    Collection<Cluster> clusters();
}
