package dev.mesh.proxy.boot;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;

/// A proxy with one HTTP listener on a free port, put together from pieces of configuration.
final class LiveProxy implements AutoCloseable {
    private final ProxyProcess process;

    private LiveProxy(ProxyProcess process) {
        this.process = process;
    }

    /// Routes everything to cluster `up` unless told otherwise.
    static final class Builder {
        private final List<String> hcm = new ArrayList<>();
        private final List<String> listener = new ArrayList<>();
        private final List<String> filters = new ArrayList<>();
        private final List<String> host = new ArrayList<>();
        private final List<String> routes = new ArrayList<>();
        private final List<String> clusters = new ArrayList<>();

        /// Fields of the connection manager, in YAML's one-line form.
        Builder hcm(String... fields) {
            hcm.addAll(List.of(fields));
            return this;
        }

        /// Fields of the listener, in YAML's one-line form.
        Builder listener(String... fields) {
            listener.addAll(List.of(fields));
            return this;
        }

        /// HTTP filters before the router, in YAML's one-line form.
        Builder filter(String... more) {
            filters.addAll(List.of(more));
            return this;
        }

        /// Fields of the virtual host, in YAML's one-line form.
        Builder virtualHost(String... fields) {
            host.addAll(List.of(fields));
            return this;
        }

        /// Routes before the one that catches all, in YAML's one-line form.
        Builder route(String... more) {
            routes.addAll(List.of(more));
            return this;
        }

        /// @param more fields of the cluster, in YAML's one-line form
        Builder cluster(String name, int port, String... more) {
            var text =
                    new StringBuilder("  - name: " + name + "\n    type: STATIC\n    load_assignment: {cluster_name: "
                            + name
                            + ", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "
                            + port + "}}}}]}]}\n");
            for (String field : more) {
                text.append("    ").append(field).append('\n');
            }
            clusters.add(text.toString());
            return this;
        }

        /// Clusters as they stand in a bootstrap.
        Builder clusters(String text) {
            clusters.add(text);
            return this;
        }

        /// An HTTP/2 cluster.
        Builder http2Cluster(String name, int port, String... more) {
            var fields = new ArrayList<>(List.of(more));
            fields.add("typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
                    + "{\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
                    + "explicit_http_config: {http2_protocol_options: {}}}}");
            return cluster(name, port, fields.toArray(String[]::new));
        }

        LiveProxy start(Loops loops) throws ConfigRejected {
            var text = new StringBuilder("""
                    admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
                    static_resources:
                      listeners:
                      - name: main
                        address: {socket_address: {address: 127.0.0.1, port_value: 0}}
                    """);
            listener.forEach(field -> text.append("    ").append(field).append('\n'));
            text.append("""
                        filter_chains:
                        - filters:
                          - name: hcm
                            typed_config:
                              "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                              stat_prefix: main
                              http_filters:
                    """.indent(0));
            filters.forEach(filter -> text.append("          - ").append(filter).append('\n'));
            text.append("""
                              - name: router
                                typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                    """.indent(0));
            hcm.forEach(field -> text.append("          ").append(field).append('\n'));
            text.append("""
                              route_config:
                                virtual_hosts:
                                - name: all
                                  domains: ["*"]
                    """);
            host.forEach(field -> text.append("              ").append(field).append('\n'));
            text.append("              routes:\n");
            routes.forEach(
                    route -> text.append("              - ").append(route).append('\n'));
            text.append("              - {match: {prefix: /}, route: {cluster: up}}\n");
            text.append("              - {match: {connect_matcher: {}}, route: {cluster: up}}\n");
            if (!clusters.isEmpty()) {
                text.append("  clusters:\n");
                clusters.forEach(text::append);
            }
            return new LiveProxy(started(text.toString(), loops));
        }
    }

    /// A proxy from a whole bootstrap; one that does not start leaves nothing behind.
    static ProxyProcess started(String bootstrap, Loops loops) throws ConfigRejected {
        var process = new ProxyProcess(BootstrapReader.parse("test", bootstrap), loops);
        try {
            process.start();
        } catch (ConfigRejected | RuntimeException e) {
            process.close();
            throw e;
        }
        return process;
    }

    static Builder with() {
        return new Builder();
    }

    ProxyProcess process() {
        return process;
    }

    int port() {
        return process.bound().values().iterator().next().getFirst().getPort();
    }

    Peer connect() throws IOException {
        return Peer.connect(port());
    }

    /// The value of a counter or gauge, 0 if there is none.
    long stat(String name) throws Exception {
        for (String line : admin("/stats").split("\n", -1)) {
            if (line.startsWith(name + ": ")) {
                return Long.parseLong(line.substring(name.length() + 2));
            }
        }
        return 0;
    }

    String admin(String path) throws Exception {
        try (var client = HttpClient.newHttpClient()) {
            var at = process.adminAddress();
            if (at == null) {
                throw new IllegalStateException("no admin endpoint");
            }
            return client.send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + at.getPort() + path))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
        }
    }

    @Override
    public void close() {
        process.close();
    }
}
