package dev.mesh.pilot.push;

import java.util.Set;
import java.util.TreeSet;

/// A snapshot to be sent, and what of it may differ from the one before.
///
/// @param context the newest snapshot
/// @param full whether anything may have changed; otherwise only the endpoints of `services`
/// @param services host names whose endpoints changed; empty if `full`
/// @param since when the oldest change in it was seen, nanoseconds of `System.nanoTime`
public record PushRequest(PushContext context, boolean full, Set<String> services, long since) {

    /// One request that stands for this one and a later one.
    public PushRequest mergedWith(PushRequest later) {
        if (full || later.full) {
            return new PushRequest(later.context, true, Set.of(), Math.min(since, later.since));
        }
        var all = new TreeSet<>(services);
        all.addAll(later.services);
        return new PushRequest(later.context, false, all, Math.min(since, later.since));
    }
}
