package dev.mesh.api.decide;

import dev.mesh.api.decide.RouteAction.ClusterSpecifier;
import dev.mesh.api.decide.RouteAction.WeightedCluster;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Draws one of several clusters by their weights.
public final class WeightedPick {
    private WeightedPick() {}

    public static WeightedCluster pick(
            ClusterSpecifier.Weighted weighted, RequestView request, RandomGenerator random) {
        long draw = fromHeader(weighted.randomHeader(), request);
        if (draw < 0) {
            draw = random.nextLong(weighted.totalWeight());
        } else {
            draw %= weighted.totalWeight();
        }
        for (WeightedCluster cluster : weighted.clusters()) {
            draw -= cluster.weight();
            if (draw < 0) {
                return cluster;
            }
        }
        return weighted.clusters().getLast();
    }

    private static long fromHeader(String header, RequestView request) {
        String value = header.isEmpty() ? null : request.header(header);
        return value == null ? -1 : parse(value);
    }

    private static long parse(@Nullable String text) {
        if (text == null || text.isEmpty() || text.length() > 18) {
            return -1;
        }
        long number = 0;
        for (int i = 0; i < text.length(); i++) {
            int digit = text.charAt(i) - '0';
            if (digit < 0 || digit > 9) {
                return -1;
            }
            number = number * 10 + digit;
        }
        return number;
    }
}
