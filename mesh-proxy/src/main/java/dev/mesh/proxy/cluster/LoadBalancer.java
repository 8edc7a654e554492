package dev.mesh.proxy.cluster;

import dev.mesh.api.decide.HashRing;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Chooses one of a list of hosts. Immutable but for a position; made anew when the list changes. Any thread.
sealed interface LoadBalancer {
    /// @param hosts those that may be chosen, not empty, the list it was made for
    Host choose(List<LiveHost> hosts, LoadBalancerContext context);

    static LoadBalancer of(LbPolicy policy, List<LiveHost> hosts) {
        return switch (policy) {
            case LbPolicy.RoundRobin() -> new RoundRobin(Weights.of(hosts));
            case LbPolicy.LeastRequest(int choices) -> new LeastRequest(choices, Weights.of(hosts));
            case LbPolicy.Random() -> new Randomly();
            case LbPolicy.RingHash(long minimum, long maximum) -> ring(hosts, minimum, maximum);
        };
    }

    private static LoadBalancer ring(List<LiveHost> hosts, long minimum, long maximum) {
        var entries = hosts.stream()
                .map(host -> new HashRing.Entry(
                        host.address().getAddress().getHostAddress() + ":"
                                + host.address().getPort(),
                        host.weight()))
                .toList();
        return new Ring(entries.isEmpty() ? null : HashRing.of(entries, minimum, maximum));
    }

    /// Cumulative weights; null in a list of equal ones.
    record Weights(long @Nullable [] cumulative) {
        static Weights of(List<LiveHost> hosts) {
            boolean equal = hosts.stream().mapToInt(LiveHost::weight).distinct().count() <= 1;
            if (equal) {
                return new Weights(null);
            }
            var sums = new long[hosts.size()];
            long sum = 0;
            for (int i = 0; i < sums.length; i++) {
                sum += hosts.get(i).weight();
                sums[i] = sum;
            }
            return new Weights(sums);
        }

        int draw(RandomGenerator random) {
            long[] sums = cumulative;
            if (sums == null) {
                return 0;
            }
            long drawn = random.nextLong(sums[sums.length - 1]);
            int at = 0;
            while (sums[at] <= drawn) {
                at++;
            }
            return at;
        }
    }

    /// In turn; by weight where they differ.
    record RoundRobin(Weights weights, AtomicInteger next) implements LoadBalancer {
        RoundRobin(Weights weights) {
            this(weights, new AtomicInteger(ThreadLocalRandom.current().nextInt(1 << 16)));
        }

        @Override
        public Host choose(List<LiveHost> hosts, LoadBalancerContext context) {
            return weights.cumulative != null
                    ? hosts.get(weights.draw(context.random()))
                    : hosts.get(Math.floorMod(next.getAndIncrement(), hosts.size()));
        }
    }

    /// The one with the fewest open requests of a few drawn at random.
    record LeastRequest(int choices, Weights weights) implements LoadBalancer {
        @Override
        public Host choose(List<LiveHost> hosts, LoadBalancerContext context) {
            LiveHost best = null;
            for (int i = 0; i < choices; i++) {
                LiveHost drawn = hosts.get(
                        weights.cumulative != null
                                ? weights.draw(context.random())
                                : context.random().nextInt(hosts.size()));
                if (best == null
                        || drawn.activeRequests().get() < best.activeRequests().get()) {
                    best = drawn;
                }
            }
            return best == null ? hosts.getFirst() : best;
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
}
