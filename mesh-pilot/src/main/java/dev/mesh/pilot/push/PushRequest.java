package dev.mesh.pilot.push;

import dev.mesh.pilot.model.Workload;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// A snapshot to be sent, and what of it may differ from the one before.
///
/// @param context the newest snapshot
/// @param full whether anything may have changed; otherwise only the endpoints of `services`
/// @param services host names whose endpoints changed; empty if `full`
/// @param addresses of the workloads that changed: their own proxies need everything anew
/// @param since when the oldest change in it was seen, nanoseconds of `System.nanoTime`
public record PushRequest(PushContext context, boolean full, Set<String> services, Set<String> addresses, long since) {

    /// One request that stands for this one and a later one.
    public PushRequest mergedWith(PushRequest later) {
        if (full || later.full) {
            return new PushRequest(later.context, true, Set.of(), Set.of(), Math.min(since, later.since));
        }
        return new PushRequest(
                later.context,
                false,
                union(services, later.services),
                union(addresses, later.addresses),
                Math.min(since, later.since));
    }

    /// The step from one snapshot to the next.
    ///
    /// @return full, unless nothing but workloads differs
    public static PushRequest between(@Nullable PushContext before, PushContext after, long since) {
        if (before == null || !before.isSameButForWorkloads(after)) {
            return new PushRequest(after, true, Set.of(), Set.of(), since);
        }
        var services = new TreeSet<String>();
        var addresses = new TreeSet<String>();
        after.services().values().forEach(service -> {
            if (!before.endpoints(service).equals(after.endpoints(service))) {
                services.add(service.host());
                differing(before.endpoints(service), after.endpoints(service), addresses);
            }
        });
        differing(before.workloads(), after.workloads(), addresses);
        return new PushRequest(after, false, services, addresses, since);
    }

    private static void differing(List<Workload> before, List<Workload> after, Set<String> addresses) {
        // Nearly all are the same objects: only the others are compared by what they say.
        Set<Workload> gone = except(before, after);
        Set<Workload> come = except(after, before);
        gone.stream()
                .filter(workload -> !come.contains(workload))
                .forEach(workload -> addresses.add(workload.address()));
        come.stream()
                .filter(workload -> !gone.contains(workload))
                .forEach(workload -> addresses.add(workload.address()));
    }

    // By identity.
    private static Set<Workload> except(List<Workload> some, List<Workload> others) {
        Set<Workload> same = Collections.newSetFromMap(new IdentityHashMap<>());
        same.addAll(others);
        var rest = new HashSet<Workload>();
        some.stream().filter(workload -> !same.contains(workload)).forEach(rest::add);
        return rest;
    }

    /// Whether a proxy needs more than the endpoints.
    public boolean isFullFor(Collection<String> proxyAddresses) {
        return full || proxyAddresses.stream().anyMatch(addresses::contains);
    }

    private static Set<String> union(Set<String> one, Set<String> other) {
        var all = new TreeSet<>(one);
        all.addAll(other);
        return all;
    }
}
