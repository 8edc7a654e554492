package dev.mesh.proxy.cluster;

import java.util.Arrays;

/// How the hosts of a cluster did in the last interval of outlier detection, in percent. -1 = nothing was compared: too
/// few hosts had enough requests.
///
/// @param ejectionThreshold hosts with a lower rate are outliers
public record SuccessRates(double average, double ejectionThreshold) {
    public static final SuccessRates NONE = new SuccessRates(-1, -1);

    /// @param rates of the hosts, at least one
    /// @param factor how many standard deviations below the average the threshold is
    static SuccessRates of(double[] rates, double factor) {
        double average = Arrays.stream(rates).sum() / rates.length;
        double variance = Arrays.stream(rates)
                        .map(rate -> (rate - average) * (rate - average))
                        .sum()
                / rates.length;
        return new SuccessRates(average, average - factor * Math.sqrt(variance));
    }
}
