package dev.mesh.proxy.cluster;

import dev.mesh.api.decide.HashRing;
import dev.mesh.api.decide.MaglevTable;
import dev.mesh.proxy.io.Addresses;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/// Chooses one of a list of hosts. Immutable but for a position; made anew when the list changes. Any thread.
sealed interface LoadBalancer {
    /// @param hosts those that may be chosen, not empty, the list it was made for
    Host choose(List<LiveHost> hosts, LoadBalancerContext context);

    /// @param hosts not empty
    /// @param localityWeights whether the weights of localities count in a ring
    /// @param nanoTime by which a new host's share grows
    static LoadBalancer of(LbPolicy policy, List<LiveHost> hosts, boolean localityWeights, LongSupplier nanoTime) {
        return switch (policy) {
            case LbPolicy.RoundRobin(SlowStart slowStart) -> {
                if (slowStart != null && slowlyStarts(slowStart, hosts, nanoTime.getAsLong())) {
                    yield ByDeadline.of(hosts, host -> host.weight() * factor(slowStart, host, nanoTime));
                }
                yield RoundRobin.of(hosts);
            }
            case LbPolicy.LeastRequest(int choices, double bias, SlowStart slowStart) -> {
                if (equalWeights(hosts)
                        && (slowStart == null || !slowlyStarts(slowStart, hosts, nanoTime.getAsLong()))) {
                    yield new LeastRequest(choices);
                }
                yield ByDeadline.of(
                        hosts,
                        host -> host.weight()
                                / Math.pow(host.activeRequests().get() + 1, bias)
                                * factor(slowStart, host, nanoTime));
            }
            case LbPolicy.Random() -> new Randomly();
            case LbPolicy.RingHash(long minimum, long maximum) -> {
                var entries = entries(hosts, localityWeights);
                yield new Ring(entries.isEmpty() ? null : HashRing.of(entries, minimum, maximum));
            }
            case LbPolicy.Maglev(int size) -> {
                var entries = entries(hosts, localityWeights);
                yield new Maglev(entries.isEmpty() ? null : MaglevTable.of(entries, size));
            }
        };
    }

    private static boolean equalWeights(List<LiveHost> hosts) {
        return hosts.stream().mapToInt(LiveHost::weight).distinct().count() <= 1;
    }

    private static boolean slowlyStarts(SlowStart slowStart, List<LiveHost> hosts, long now) {
        return hosts.stream().anyMatch(host -> slowStart.covers(now - host.healthySince()));
    }

    private static double factor(@Nullable SlowStart slowStart, LiveHost host, LongSupplier nanoTime) {
        return slowStart == null ? 1 : slowStart.factor(nanoTime.getAsLong() - host.healthySince());
    }

    private static List<HashRing.Entry> entries(List<LiveHost> hosts, boolean localityWeights) {
        return hosts.stream()
                .map(host -> new HashRing.Entry(
                        Addresses.text(host.address()),
                        localityWeights
                                ? Math.clamp(
                                        (long) host.weight()
                                                * Math.max(1, host.spec().localityWeight()),
                                        1,
                                        Integer.MAX_VALUE)
                                : host.weight()))
                .toList();
    }

    /// In turn; where weights differ, as often as they say.
    ///
    /// @param schedule null for equal weights
    record RoundRobin(@Nullable Schedule schedule, AtomicInteger next) implements LoadBalancer {
        static RoundRobin of(List<LiveHost> hosts) {
            return new RoundRobin(
                    equalWeights(hosts)
                            ? null
                            : Schedule.of(
                                    hosts.stream().mapToLong(LiveHost::weight).toArray()),
                    // So that many proxies do not all begin with the same host.
                    new AtomicInteger(ThreadLocalRandom.current().nextInt(1 << 16)));
        }

        @Override
        public Host choose(List<LiveHost> hosts, LoadBalancerContext context) {
            int position = next.getAndIncrement();
            return hosts.get(schedule != null ? schedule.at(position) : Math.floorMod(position, hosts.size()));
        }
    }

    /// A locality by weight, then a host in it.
    record ByLocality(Schedule schedule, List<Part> parts, AtomicInteger next) implements LoadBalancer {
        /// The hosts of one locality.
        record Part(List<LiveHost> hosts, LoadBalancer balancer) {}

        @Override
        public Host choose(List<LiveHost> hosts, LoadBalancerContext context) {
            Part part = parts.get(schedule.at(next.getAndIncrement()));
            return part.balancer.choose(part.hosts, context);
        }
    }

    /// Chooses the locality by its weight, less what its unhealthy hosts cannot carry, and then a host.
    ///
    /// @param all of a priority, healthy or not
    /// @param overprovisioning in percent
    /// @return null if no locality has a weight and a healthy host
    static @Nullable LoadBalancer byLocality(
            LbPolicy policy, List<LiveHost> all, int overprovisioning, LongSupplier nanoTime) {
        var localities = new LinkedHashMap<String, List<LiveHost>>();
        all.forEach(host -> localities
                .computeIfAbsent(host.locality(), any -> new ArrayList<>())
                .add(host));
        var parts = new ArrayList<ByLocality.Part>();
        var weights = new ArrayList<Long>();
        localities.forEach((name, hosts) -> {
            var healthy = hosts.stream().filter(LiveHost::healthy).toList();
            long weight = (long) hosts.getFirst().spec().localityWeight()
                    * Priorities.health(healthy.size(), hosts.size(), overprovisioning);
            if (weight > 0) {
                parts.add(new ByLocality.Part(healthy, of(policy, healthy, false, nanoTime)));
                weights.add(weight);
            }
        });
        return parts.isEmpty()
                ? null
                : new ByLocality(
                        Schedule.of(weights.stream().mapToLong(Long::longValue).toArray()),
                        List.copyOf(parts),
                        new AtomicInteger(ThreadLocalRandom.current().nextInt(1 << 16)));
    }

    /// The one with the fewest open requests of a few drawn at random.
    record LeastRequest(int choices) implements LoadBalancer {
        @Override
        public Host choose(List<LiveHost> hosts, LoadBalancerContext context) {
            LiveHost best = null;
            for (int i = 0; i < choices; i++) {
                LiveHost drawn = hosts.get(context.random().nextInt(hosts.size()));
                if (best == null
                        || drawn.activeRequests().get() < best.activeRequests().get()) {
                    best = drawn;
                }
            }
            return best == null ? hosts.getFirst() : best;
        }
    }

    /// By weights that change from choice to choice.
    record ByDeadline(DeadlineQueue queue) implements LoadBalancer {
        static ByDeadline of(List<LiveHost> hosts, ToDoubleFunction<LiveHost> weight) {
            return new ByDeadline(
                    new DeadlineQueue(hosts, weight, ThreadLocalRandom.current().nextInt(hosts.size())));
        }

        @Override
        public Host choose(List<LiveHost> hosts, LoadBalancerContext context) {
            return queue.next();
        }
    }

    /// Any, whatever its weight.
    record Randomly() implements LoadBalancer {
        @Override
        public Host choose(List<LiveHost> hosts, LoadBalancerContext context) {
            return hosts.get(context.random().nextInt(hosts.size()));
        }
    }

    /// By the request's hash; a request without one gets any.
    record Ring(@Nullable HashRing ring) implements LoadBalancer {
        @Override
        public Host choose(List<LiveHost> hosts, LoadBalancerContext context) {
            long hash = context.hasHash() ? context.hash() : context.random().nextLong();
            return ring == null ? hosts.getFirst() : hosts.get(ring.find(hash, Math.max(0, context.attempt())));
        }
    }

    record Maglev(@Nullable MaglevTable table) implements LoadBalancer {
        @Override
        public Host choose(List<LiveHost> hosts, LoadBalancerContext context) {
            long hash = context.hasHash() ? context.hash() : context.random().nextLong();
            return table == null ? hosts.getFirst() : hosts.get(table.find(hash, Math.max(0, context.attempt())));
        }
    }
}
