package dev.mesh.api.decide;

import java.util.Arrays;
import java.util.List;

/// A Maglev table as Envoy builds it (the paper's section 3.4, with weights): every entry belongs to one host, in
/// proportion to the weights, and few entries change hands when a host comes or goes.
public final class MaglevTable {
    /// Envoy's default.
    public static final int USUAL_SIZE = 65537;

    private final int[] hosts;

    private MaglevTable(int[] hosts) {
        this.hosts = hosts;
    }

    /// @param entries at least one
    /// @param size a prime
    public static MaglevTable of(List<HashRing.Entry> entries, int size) {
        int count = entries.size();
        var offsets = new long[count];
        var skips = new long[count];
        var next = new long[count];
        var targets = new double[count];
        double heaviest = 0;
        for (int i = 0; i < count; i++) {
            String key = entries.get(i).key();
            offsets[i] = Long.remainderUnsigned(XxHash64.hash(key, 0), size);
            skips[i] = Long.remainderUnsigned(XxHash64.hash(key, 1), size - 1L) + 1;
            heaviest = Math.max(heaviest, entries.get(i).weight());
        }
        var table = new int[size];
        Arrays.fill(table, -1);
        int filled = 0;
        for (long round = 1; filled < size; round++) {
            for (int i = 0; i < count && filled < size; i++) {
                // A host of less weight takes a turn less often.
                if (round * (double) entries.get(i).weight() < targets[i]) {
                    continue;
                }
                targets[i] += heaviest;
                int at = position(offsets[i], skips[i], next[i], size);
                while (table[at] >= 0) {
                    next[i]++;
                    at = position(offsets[i], skips[i], next[i], size);
                }
                table[at] = i;
                next[i]++;
                filled++;
            }
        }
        return new MaglevTable(table);
    }

    private static int position(long offset, long skip, long next, int size) {
        return (int) ((offset + skip * next) % size);
    }

    /// @param attempt a retry looks elsewhere
    /// @return index of the host
    public int find(long hash, int attempt) {
        long looked = attempt > 0 ? hash ^ (-1L - attempt + 1) : hash;
        return hosts[(int) Long.remainderUnsigned(looked, hosts.length)];
    }
}
