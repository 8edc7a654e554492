package dev.mesh.api.networking;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// When a host is put out of the balance for a while.
///
/// @param consecutiveErrors older form of `consecutiveGatewayErrors`
/// @param consecutiveGatewayErrors null or 0: off
/// @param consecutive5xxErrors null: 5; 0: off
/// @param interval null: 10 s
/// @param baseEjectionTime null: 30 s
/// @param maxEjectionPercent 0 is unset: 10
public record OutlierDetection(
        int consecutiveErrors,
        boolean splitExternalLocalOriginErrors,
        @Nullable Integer consecutiveLocalOriginFailures,
        @Nullable Integer consecutiveGatewayErrors,
        @Nullable Integer consecutive5xxErrors,
        @Nullable Duration interval,
        @Nullable Duration baseEjectionTime,
        int maxEjectionPercent,
        int minHealthPercent,
        List<Integer> outlierDetectionHttpErrorCodes) {}
