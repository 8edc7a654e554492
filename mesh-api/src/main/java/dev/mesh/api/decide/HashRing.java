package dev.mesh.api.decide;

import java.util.Arrays;
import java.util.List;

/// A consistent hash ring as Envoy builds it (ring_hash, XX_HASH): each host stands on it in proportion to its
/// weight, and a hash belongs to the first entry at or after it.
public final class HashRing {
    /// @param key `ip:port`, or the host's hash key
    /// @param weight at least 1
    public record Entry(String key, int weight) {}

    private final long[] hashes;
    private final int[] hosts;

    private HashRing(long[] hashes, int[] hosts) {
        this.hashes = hashes;
        this.hosts = hosts;
    }

    /// @param entries at least one
    public static HashRing of(List<Entry> entries, long minimum, long maximum) {
        long total = entries.stream().mapToLong(Entry::weight).sum();
        double lowest = 1;
        for (Entry entry : entries) {
            lowest = Math.min(lowest, (double) entry.weight() / total);
        }
        double scale = Math.min(Math.ceil(lowest * minimum) / lowest, maximum);
        int size = (int) Math.ceil(scale);
        var unsorted = new long[size + entries.size()][];
        int used = 0;
        double current = 0;
        double target = 0;
        for (int host = 0; host < entries.size(); host++) {
            target += scale * entries.get(host).weight() / total;
            int copy = 0;
            while (current < target && used < unsorted.length) {
                unsorted[used++] = new long[] {XxHash64.hash(entries.get(host).key() + "_" + copy, 0), host};
                copy++;
                current++;
            }
        }
        long[][] ring = Arrays.copyOf(unsorted, used);
        Arrays.sort(ring, (a, b) -> Long.compareUnsigned(a[0], b[0]));
        var hashes = new long[used];
        var hosts = new int[used];
        for (int i = 0; i < used; i++) {
            hashes[i] = ring[i][0];
            hosts[i] = (int) ring[i][1];
        }
        return new HashRing(hashes, hosts);
    }

    /// @param attempt a retry moves on by as many entries
    /// @return index of the host
    public int find(long hash, int attempt) {
        int low = 0;
        int high = hashes.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(hashes[middle], hash) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return hosts[(low + attempt) % hashes.length];
    }
}
