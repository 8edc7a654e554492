package dev.mesh.proxy.filters.tcpproxy;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import dev.mesh.api.decide.compile.Fields;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.proxy.accesslog.AccessLogFilters;
import dev.mesh.proxy.filter.AccessLogFactory;
import dev.mesh.proxy.filter.AccessLogger;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.upstream.Connector;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// `envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`.
public final class TcpProxyFactory implements NetworkFilterFactory {
    private final Connector connector;
    private final Map<String, AccessLogFactory> accessLogs = new LinkedHashMap<>();

    public TcpProxyFactory(Connector connector, List<AccessLogFactory> accessLogFactories) {
        this.connector = connector;
        accessLogFactories.forEach(factory -> accessLogs.put(factory.typeUrl(), factory));
    }

    @Override
    public String typeUrl() {
        return "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
    }

    @Override
    public boolean terminal() {
        return true;
    }

    @Override
    public Bound bind(Any config, BindContext context) throws ConfigRejected {
        TcpProxy proto;
        try {
            proto = Packed.unpack(config, TcpProxy.getDefaultInstance());
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not a TcpProxy: " + e.getMessage());
        }
        var reasons = new ArrayList<String>();
        if (proto.getStatPrefix().isEmpty()) {
            reasons.add("stat_prefix: empty (expected: at least one character)");
        }
        Fields.of(proto, "")
                .honours(
                        "stat_prefix",
                        "cluster",
                        "weighted_clusters",
                        "idle_timeout",
                        "access_log",
                        "max_connect_attempts")
                .refuseOthers(reasons);
        for (int i = 0; i < proto.getWeightedClusters().getClustersCount(); i++) {
            Fields.of(proto.getWeightedClusters().getClusters(i), "weighted_clusters.clusters[" + i + "]")
                    .honours("name", "weight")
                    .refuseOthers(reasons);
        }
        var targets = new ArrayList<TcpProxyHandler.Target>();
        switch (proto.getClusterSpecifierCase()) {
            case CLUSTER -> targets.add(new TcpProxyHandler.Target(proto.getCluster(), 1));
            case WEIGHTED_CLUSTERS ->
                proto.getWeightedClusters()
                        .getClustersList()
                        .forEach(cluster ->
                                targets.add(new TcpProxyHandler.Target(cluster.getName(), cluster.getWeight())));
            case CLUSTERSPECIFIER_NOT_SET ->
                reasons.add("no cluster specifier (expected: cluster or weighted_clusters)");
        }
        var logs = new ArrayList<AccessLogger>();
        for (int i = 0; i < proto.getAccessLogCount(); i++) {
            var log = proto.getAccessLog(i);
            var factory = accessLogs.get(log.getTypedConfig().getTypeUrl());
            String path = "access_log[" + i + "]";
            if (factory == null) {
                reasons.add(path + ": no access logger for \""
                        + log.getTypedConfig().getTypeUrl() + "\" (known: " + String.join(", ", accessLogs.keySet())
                        + ")");
                continue;
            }
            try {
                logs.add(AccessLogFilters.around(factory.bind(log.getTypedConfig()), log));
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add(path + "." + reason));
            }
        }
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        var shared = new TcpProxyHandler.Shared(
                context.clusters(),
                connector,
                List.copyOf(targets),
                proto.hasIdleTimeout()
                        ? Duration.ofNanos(Durations.toNanos(proto.getIdleTimeout()))
                        : Duration.ofHours(1),
                proto.hasMaxConnectAttempts() ? proto.getMaxConnectAttempts().getValue() : 1,
                List.copyOf(logs),
                context.stats().tagged("tcp", "envoy_tcp_prefix", proto.getStatPrefix()));
        return (pipeline, connection) -> pipeline.addLast(new TcpProxyHandler(shared, connection));
    }
}
