package dev.mesh.proxy.cluster;

import java.util.PriorityQueue;

/// Turns by weight: in one round each index comes as often as its weight says, spread as an
/// earliest-deadline-first queue spreads them. Immutable; who uses it keeps the position, so that choosing is
/// one step of a counter.
///
/// @param turns one round
record Schedule(int[] turns) {
    // Weights are scaled down to fit, so that one of a million and one of two million do not make a huge round.
    private static final int LONGEST = 8192;

    private record Turn(int index, long weight, long count) {}

    /// @param weights at least one above 0; those of 0 get no turn
    static Schedule of(long[] weights) {
        long divisor = 0;
        long sum = 0;
        for (long weight : weights) {
            divisor = gcd(divisor, weight);
            sum += weight;
        }
        long total = sum / divisor;
        // The deadline of the n-th turn is n / weight; compared as fractions, for doubles would drift.
        var queue = new PriorityQueue<Turn>((a, b) -> {
            int byDeadline = Long.compare(a.count * b.weight, b.count * a.weight);
            return byDeadline != 0 ? byDeadline : Integer.compare(a.index, b.index);
        });
        long length = 0;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] > 0) {
                long weight = total <= LONGEST
                        ? weights[i] / divisor
                        : Math.max(1, Math.round((double) weights[i] / sum * LONGEST));
                queue.add(new Turn(i, weight, 1));
                length += weight;
            }
        }
        var turns = new int[Math.toIntExact(length)];
        for (int i = 0; i < turns.length; i++) {
            Turn next = queue.remove();
            turns[i] = next.index;
            queue.add(new Turn(next.index, next.weight, next.count + 1));
        }
        return new Schedule(turns);
    }

    private static long gcd(long a, long b) {
        return b == 0 ? a : gcd(b, a % b);
    }

    /// @param position any; rounds follow each other
    int at(int position) {
        return turns[Math.floorMod(position, turns.length)];
    }

    int length() {
        return turns.length;
    }
}
