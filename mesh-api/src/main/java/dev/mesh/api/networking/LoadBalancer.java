package dev.mesh.api.networking;

import dev.mesh.api.shape.Inline;
import dev.mesh.api.shape.Required;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How a host is picked (`LoadBalancerSettings`).
///
/// @param policy null: the default, least request
/// @param warmupDurationSecs older form of `warmup`
public record LoadBalancer(
        @Inline @Nullable Policy policy,
        @Nullable LocalityLb localityLbSetting,
        @Nullable ZoneAwareLb zoneAwareLbSetting,
        @Nullable Duration warmupDurationSecs,
        @Nullable Warmup warmup) {

    /// How a new host is warmed up, by either form; null: it is not.
    public @Nullable Warmup warming() {
        return warmup == null && warmupDurationSecs != null ? new Warmup(warmupDurationSecs, null, null) : warmup;
    }

    public sealed interface Policy {
        record Simple(SimpleKind simple) implements Policy {}

        record Hash(ConsistentHash consistentHash) implements Policy {}

        record Utilization(BackendUtilization backendUtilization) implements Policy {}
    }

    public enum SimpleKind {
        UNSPECIFIED,
        LEAST_CONN,
        RANDOM,
        PASSTHROUGH,
        ROUND_ROBIN,
        LEAST_REQUEST
    }

    /// @param minimumRingSize older form of `ringHash`; 0 is unset
    public record ConsistentHash(
            @Inline @Nullable HashKey key, @Inline @Nullable HashAlgorithm algorithm, long minimumRingSize) {}

    /// What is hashed.
    public sealed interface HashKey {
        record Header(String httpHeaderName) implements HashKey {}

        record Cookie(HttpCookie httpCookie) implements HashKey {}

        record SourceIp(boolean useSourceIp) implements HashKey {}

        record QueryParameter(String httpQueryParameterName) implements HashKey {}
    }

    /// @param ttl null: the cookie is only read; else it is made, a session cookie if zero
    public record HttpCookie(
            @Required String name, String path, @Nullable Duration ttl, List<CookieAttribute> attributes) {}

    public record CookieAttribute(@Required String name, String value) {}

    public sealed interface HashAlgorithm {
        record Ring(RingHash ringHash) implements HashAlgorithm {}

        record MaglevTable(Maglev maglev) implements HashAlgorithm {}
    }

    /// @param minimumRingSize 0 is unset: 1024
    public record RingHash(long minimumRingSize) {}

    /// @param tableSize a prime; 0 is unset: 65537
    public record Maglev(long tableSize) {}

    public record BackendUtilization(
            @Nullable Duration weightUpdatePeriod,
            @Nullable Duration weightStabilizationPeriod,
            @Nullable Duration weightExpirationPeriod,
            int errorUtilizationPenaltyPercent,
            List<String> metricNamesForComputingUtilization) {}

    /// @param enabled null: as the mesh says
    public record LocalityLb(
            List<Distribute> distribute,
            List<Failover> failover,
            List<String> failoverPriority,
            @Nullable Boolean enabled) {}

    public record ZoneAwareLb(
            List<Failover> failover,
            List<String> failoverPriority,
            @Nullable Boolean enabled,
            @Nullable Integer minClusterSize) {}

    public record Distribute(String from, Map<String, Integer> to) {}

    public record Failover(String from, String to) {}

    /// @param duration until a new host gets its whole share
    /// @param minimumPercent of its share that it gets at least; null: 10
    /// @param aggression how fast its share grows: null or 1 is a straight line, more is faster at first
    public record Warmup(
            @Required Duration duration,
            @Nullable Double minimumPercent,
            @Nullable Double aggression) {}
}
