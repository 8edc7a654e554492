package dev.mesh.proxy.cluster;

import java.time.Duration;

/// `envoy.config.cluster.v3.OutlierDetection` with Envoy's defaults. Enforcing fields are percentages.
///
/// @param maxEjectionPercent of the hosts; a cluster too small for one ejects nobody, unless `always`
/// @param always `always_eject_one_host`
/// @param splitLocalOrigin whether failures to connect count apart from answers
public record OutlierPolicy(
        int consecutive5xx,
        int enforcing5xx,
        int consecutiveGateway,
        int enforcingGateway,
        int consecutiveLocalOrigin,
        int enforcingLocalOrigin,
        boolean splitLocalOrigin,
        Duration interval,
        Duration baseEjection,
        Duration maxEjection,
        int maxEjectionPercent,
        boolean always) {}
