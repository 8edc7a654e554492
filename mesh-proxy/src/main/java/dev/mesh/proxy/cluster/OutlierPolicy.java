package dev.mesh.proxy.cluster;

import java.time.Duration;

/// `envoy.config.cluster.v3.OutlierDetection` with Envoy's defaults. Enforcing fields are percentages: how often a host
/// that was found is ejected.
///
/// @param splitLocalOrigin whether failures to connect count apart from answers
/// @param maxEjection at least `baseEjection`
/// @param ejectionJitter the most that is added to an ejection, by chance; 0 = nothing
/// @param maxEjectionPercent of the hosts; a cluster too small for one ejects nobody, unless `always`
/// @param always `always_eject_one_host`
public record OutlierPolicy(
        InARow serverErrors,
        InARow gatewayErrors,
        InARow localOrigin,
        boolean splitLocalOrigin,
        SuccessRate successRate,
        FailurePercentage failurePercentage,
        Duration interval,
        Duration baseEjection,
        Duration maxEjection,
        Duration ejectionJitter,
        int maxEjectionPercent,
        boolean always) {
    /// @param times how many failures in a row make an outlier
    public record InARow(int times, int enforcing) {}

    /// A host is an outlier whose rate of successes lies more than `stdevFactor / 1000` standard deviations below the
    /// mean of all.
    ///
    /// @param minimumHosts how many hosts must have had `requestVolume` requests in an interval
    public record SuccessRate(
            int minimumHosts, int requestVolume, int stdevFactor, int enforcing, int enforcingLocalOrigin) {}

    /// A host is an outlier of whose requests `threshold` percent or more failed.
    ///
    /// @param minimumHosts how many hosts must have had `requestVolume` requests in an interval
    public record FailurePercentage(
            int minimumHosts, int requestVolume, int threshold, int enforcing, int enforcingLocalOrigin) {}
}
