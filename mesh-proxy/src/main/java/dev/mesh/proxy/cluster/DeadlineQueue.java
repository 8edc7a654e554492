package dev.mesh.proxy.cluster;

import java.util.List;
import java.util.PriorityQueue;
import java.util.function.ToDoubleFunction;

/// Hosts by weights that change from choice to choice: earliest deadline first, as Envoy's EdfScheduler. A host's next
/// deadline is made when it is chosen, by the weight that it has then. Any thread, one at a time.
final class DeadlineQueue {
    // Of equal deadlines the older entry is first.
    private record Entry(LiveHost host, double deadline, long order) implements Comparable<Entry> {
        @Override
        public int compareTo(Entry other) {
            int byDeadline = Double.compare(deadline, other.deadline);
            return byDeadline != 0 ? byDeadline : Long.compare(order, other.order);
        }
    }

    private final PriorityQueue<Entry> queue;
    private final ToDoubleFunction<LiveHost> weight;
    private double time;
    private long order;

    /// @param hosts at least one
    /// @param weight above 0
    /// @param skipped how many turns are over already, so that not all proxies begin with the same host
    DeadlineQueue(List<LiveHost> hosts, ToDoubleFunction<LiveHost> weight, int skipped) {
        this.weight = weight;
        queue = new PriorityQueue<>(hosts.size());
        hosts.forEach(this::add);
        for (int i = 0; i < skipped; i++) {
            next();
        }
    }

    synchronized LiveHost next() {
        Entry first = queue.remove();
        time = first.deadline;
        add(first.host);
        return first.host;
    }

    private void add(LiveHost host) {
        queue.add(new Entry(host, time + 1 / weight.applyAsDouble(host), order++));
    }
}
