package dev.mesh.api.read;

import java.util.Collection;
import java.util.Optional;

/// What was surely meant by a word that nobody knows. Pure.
public final class Suggestion {
    private static final int MOST = 2;
    private static final int LONGEST = 64;

    private Suggestion() {}

    /// The candidate that differs least: by two letters at most, and by less than half of the word.
    public static Optional<String> of(String word, Collection<String> candidates) {
        String best = null;
        int least = Math.min(MOST, (word.length() - 1) / 2) + 1;
        for (String candidate : candidates) {
            int distance = distance(word, candidate);
            if (distance < least) {
                least = distance;
                best = candidate;
            }
        }
        return Optional.ofNullable(best);
    }

    /// ` (did you mean X?)`, or nothing.
    public static String phrase(String word, Collection<String> candidates) {
        return of(word, candidates)
                .map(meant -> " (did you mean " + meant + "?)")
                .orElse("");
    }

    // Levenshtein, upper and lower case being equal, and two neighbours exchanged being one step.
    private static int distance(String a, String b) {
        if (Math.abs(a.length() - b.length()) > MOST || a.length() > LONGEST) {
            return MOST + 1;
        }
        var before = new int[b.length() + 1];
        var last = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            last[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            var row = new int[b.length() + 1];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int cost = same(a, i - 1, b, j - 1) ? 0 : 1;
                row[j] = Math.min(Math.min(last[j] + 1, row[j - 1] + 1), last[j - 1] + cost);
                if (i > 1 && j > 1 && same(a, i - 1, b, j - 2) && same(a, i - 2, b, j - 1)) {
                    row[j] = Math.min(row[j], before[j - 2] + 1);
                }
            }
            before = last;
            last = row;
        }
        return last[b.length()];
    }

    private static boolean same(String a, int i, String b, int j) {
        return Character.toLowerCase(a.charAt(i)) == Character.toLowerCase(b.charAt(j));
    }
}
