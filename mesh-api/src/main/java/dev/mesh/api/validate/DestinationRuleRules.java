package dev.mesh.api.validate;

import dev.mesh.api.networking.ClientTls;
import dev.mesh.api.networking.ConnectionPool;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.LoadBalancer;
import dev.mesh.api.networking.OutlierDetection;
import dev.mesh.api.networking.TrafficPolicy;
import java.math.BigInteger;
import java.util.HashSet;
import org.jspecify.annotations.Nullable;

/// DestinationRule.
final class DestinationRuleRules {
    private static final long MAX_RING = 8 * 1024 * 1024;
    private static final long MAX_MAGLEV = 5_000_011;

    private final Check check;

    DestinationRuleRules(Check check) {
        this.check = check;
    }

    void check(DestinationRule spec) {
        check.host("spec.host", spec.host(), true);
        policy("spec.trafficPolicy", spec.trafficPolicy());
        var names = new HashSet<String>();
        for (int i = 0; i < spec.subsets().size(); i++) {
            var subset = spec.subsets().get(i);
            String path = "spec.subsets[" + i + "]";
            check.label(path + ".name", subset.name());
            if (!names.add(subset.name())) {
                check.error(path + ".name", "\"" + subset.name() + "\" stands twice");
            }
            policy(path + ".trafficPolicy", subset.trafficPolicy());
        }
    }

    private void policy(String path, @Nullable TrafficPolicy policy) {
        if (policy == null) {
            return;
        }
        balancer(path + ".loadBalancer", policy.loadBalancer());
        pool(path + ".connectionPool", policy.connectionPool());
        outlier(path + ".outlierDetection", policy.outlierDetection());
        tls(path + ".tls", policy.tls());
        var ports = new HashSet<Integer>();
        for (int i = 0; i < policy.portLevelSettings().size(); i++) {
            var port = policy.portLevelSettings().get(i);
            String at = path + ".portLevelSettings[" + i + "]";
            if (port.port() == null) {
                check.error(at + ".port", "missing (expected: port.number)");
            } else {
                check.port(at + ".port.number", port.port().number());
                if (!ports.add(port.port().number())) {
                    check.error(at + ".port.number", port.port().number() + " stands twice");
                }
            }
            balancer(at + ".loadBalancer", port.loadBalancer());
            pool(at + ".connectionPool", port.connectionPool());
            outlier(at + ".outlierDetection", port.outlierDetection());
            tls(at + ".tls", port.tls());
        }
    }

    private void balancer(String path, @Nullable LoadBalancer balancer) {
        if (balancer == null) {
            return;
        }
        check.positive(path + ".warmupDurationSecs", balancer.warmupDurationSecs());
        LoadBalancer.Warmup warmup = balancer.warmup();
        if (warmup != null) {
            check.positive(path + ".warmup.duration", warmup.duration());
            if (warmup.minimumPercent() != null) {
                check.percent(path + ".warmup.minimumPercent", warmup.minimumPercent());
            }
            if (warmup.aggression() != null && !(warmup.aggression() >= 1)) {
                check.error(path + ".warmup.aggression", warmup.aggression() + " (expected: at least 1)");
            }
        }
        if (!(balancer.policy() instanceof LoadBalancer.Policy.Hash(LoadBalancer.ConsistentHash hash))) {
            return;
        }
        String at = path + ".consistentHash";
        if (hash.key() == null) {
            check.error(
                    at,
                    "nothing to hash (expected: httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName)");
        }
        if (hash.key() instanceof LoadBalancer.HashKey.Header(String name)) {
            check.headerName(at + ".httpHeaderName", name);
        }
        if (hash.key() instanceof LoadBalancer.HashKey.Cookie(LoadBalancer.HttpCookie cookie)) {
            check.duration(at + ".httpCookie.ttl", cookie.ttl());
        }
        long ring = hash.algorithm() instanceof LoadBalancer.HashAlgorithm.Ring(LoadBalancer.RingHash ringHash)
                ? ringHash.minimumRingSize()
                : hash.minimumRingSize();
        if (ring < 0 || ring > MAX_RING) {
            check.error(at + ".minimumRingSize", ring + " (expected: 1-" + MAX_RING + ")");
        }
        if (hash.algorithm() instanceof LoadBalancer.HashAlgorithm.MaglevTable(LoadBalancer.Maglev maglev)
                && maglev.tableSize() != 0) {
            boolean prime = maglev.tableSize() > 1
                    && maglev.tableSize() <= MAX_MAGLEV
                    && BigInteger.valueOf(maglev.tableSize()).isProbablePrime(50);
            if (!prime) {
                check.error(
                        at + ".maglev.tableSize",
                        maglev.tableSize() + " (expected: a prime number up to " + MAX_MAGLEV + ")");
            }
        }
    }

    private void pool(String path, @Nullable ConnectionPool pool) {
        if (pool == null) {
            return;
        }
        if (pool.tcp() != null) {
            check.atLeastZero(path + ".tcp.maxConnections", pool.tcp().maxConnections());
            check.positive(path + ".tcp.connectTimeout", pool.tcp().connectTimeout());
            check.positive(path + ".tcp.maxConnectionDuration", pool.tcp().maxConnectionDuration());
        }
        if (pool.http() != null) {
            var http = pool.http();
            check.atLeastZero(path + ".http.http1MaxPendingRequests", http.http1MaxPendingRequests());
            check.atLeastZero(path + ".http.http2MaxRequests", http.http2MaxRequests());
            check.atLeastZero(path + ".http.maxRequestsPerConnection", http.maxRequestsPerConnection());
            check.atLeastZero(path + ".http.maxRetries", http.maxRetries());
            check.atLeastZero(path + ".http.maxConcurrentStreams", http.maxConcurrentStreams());
            check.duration(path + ".http.idleTimeout", http.idleTimeout());
            if (http.useClientProtocol() && http.h2UpgradePolicy() == ConnectionPool.H2UpgradePolicy.UPGRADE) {
                check.error(path + ".http", "useClientProtocol beside h2UpgradePolicy UPGRADE (expected: one of them)");
            }
        }
    }

    private void outlier(String path, @Nullable OutlierDetection outlier) {
        if (outlier == null) {
            return;
        }
        notNegative(path + ".consecutive5xxErrors", outlier.consecutive5xxErrors());
        notNegative(path + ".consecutiveGatewayErrors", outlier.consecutiveGatewayErrors());
        notNegative(path + ".consecutiveLocalOriginFailures", outlier.consecutiveLocalOriginFailures());
        check.positive(path + ".interval", outlier.interval());
        check.positive(path + ".baseEjectionTime", outlier.baseEjectionTime());
        check.percent(path + ".maxEjectionPercent", outlier.maxEjectionPercent());
        check.percent(path + ".minHealthPercent", outlier.minHealthPercent());
    }

    private void notNegative(String path, @Nullable Integer number) {
        if (number != null) {
            check.atLeastZero(path, number);
        }
    }

    private void tls(String path, @Nullable ClientTls tls) {
        if (tls == null) {
            return;
        }
        boolean files = !tls.clientCertificate().isEmpty() || !tls.privateKey().isEmpty();
        switch (tls.mode()) {
            case MUTUAL -> {
                if (tls.credentialName().isEmpty()
                        && (tls.clientCertificate().isEmpty()
                                || tls.privateKey().isEmpty())) {
                    check.error(path, "MUTUAL without clientCertificate and privateKey, or credentialName");
                }
                if (files && !tls.credentialName().isEmpty()) {
                    check.error(path + ".credentialName", "beside files (expected: one of them)");
                }
            }
            case ISTIO_MUTUAL -> {
                if (files || !tls.caCertificates().isEmpty()) {
                    check.error(path, "ISTIO_MUTUAL with certificates (expected: none, the mesh has its own)");
                }
            }
            case DISABLE, SIMPLE -> {}
        }
    }
}
