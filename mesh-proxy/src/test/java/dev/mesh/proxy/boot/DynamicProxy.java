package dev.mesh.proxy.boot;

import com.google.gson.Gson;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/// A proxy that has nothing but the address of a control plane, and the resources that tests give it.
final class DynamicProxy implements AutoCloseable {
    private final ProxyProcess process;

    /// @param apiType `GRPC` or `DELTA_GRPC`
    DynamicProxy(int controlPlane, String apiType, Loops loops) throws ConfigRejected {
        process = new ProxyProcess(
                BootstrapReader.parse("test", """
                node: {id: test-node, cluster: test}
                admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
                dynamic_resources:
                  ads_config: {api_type: TYPE, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
                  lds_config: {ads: {}}
                  cds_config: {ads: {}}
                static_resources:
                  clusters:
                  - name: xds
                    type: STATIC
                    load_assignment: {cluster_name: xds, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: PORT}}}}]}]}
                """.replace("TYPE", apiType).replace("PORT", "" + controlPlane)), loops);
        process.start();
    }

    ProxyProcess process() {
        return process;
    }

    boolean listens(String listener) {
        return process.bound().containsKey(listener);
    }

    /// The whole answer to a GET by a listener, or what went wrong.
    String get(String listener, String path) {
        List<InetSocketAddress> bound = process.bound().get(listener);
        if (bound == null || bound.isEmpty()) {
            return "no listener " + listener;
        }
        try (var peer = Peer.connect(bound.getFirst().getPort())) {
            return peer.write("GET " + path + " HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                    .readAll();
        } catch (IOException e) {
            return e.toString();
        }
    }

    @Override
    public void close() {
        process.close();
    }

    // ---- resources ----

    static Cluster edsCluster(String name) {
        return json(
                        "{name: \"" + name
                                + "\", type: EDS, connect_timeout: 1s, eds_cluster_config: {eds_config: {ads: {}}}}",
                        Cluster.newBuilder())
                .build();
    }

    static ClusterLoadAssignment endpoint(String cluster, int port) {
        return json(
                        "{cluster_name: \"" + cluster
                                + "\", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "
                                + port + "}}}}]}]}",
                        ClusterLoadAssignment.newBuilder())
                .build();
    }

    /// Everything to one cluster.
    static RouteConfiguration routes(String name, String cluster) {
        return json(
                        "{name: \"" + name
                                + "\", virtual_hosts: [{name: all, domains: [\"*\"], routes: [{match: {prefix: \"/\"},"
                                + " route: {cluster: \"" + cluster + "\"}}]}]}",
                        RouteConfiguration.newBuilder())
                .build();
    }

    static Listener listener(String name, String routes) {
        return listener(name, routes, "envoy.extensions.filters.http.router.v3.Router");
    }

    static Listener listener(String name, String routes, String filter) {
        return json(
                        """
                {name: "$name", address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{
                name: hcm, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
                stat_prefix: "$name", rds: {route_config_name: "$routes", config_source: {ads: {}}},
                http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/$filter}}]}}]}]}
                """.replace("$name", name).replace("$routes", routes).replace("$filter", filter),
                        Listener.newBuilder())
                .build();
    }

    /// A resource in YAML.
    static <B extends Message.Builder> B json(String text, B into) {
        try {
            Object tree = new Load(LoadSettings.builder().build()).loadFromString(text);
            JsonFormat.parser().usingTypeRegistry(EnvoyTypes.REGISTRY).merge(new Gson().toJson(tree), into);
            return into;
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalArgumentException(text, e);
        }
    }
}
