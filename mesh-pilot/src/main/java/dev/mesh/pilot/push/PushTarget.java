package dev.mesh.pilot.push;

/// Somebody who must hear of new snapshots: one xDS stream.
public interface PushTarget {
    /// Never blocks. Requests that come while one waits are merged into it.
    void push(PushRequest request);
}
