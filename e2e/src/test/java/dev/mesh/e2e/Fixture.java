package dev.mesh.e2e;

import static org.awaitility.Awaitility.await;

import dev.mesh.api.local.FreePorts;
import io.grpc.xds.XdsNameResolverProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/// A mesh of one service behind an edge gateway: its folder, and bootstraps that mesh-proxy and Envoy both take.
final class Fixture {
    private static final FreePorts PORTS = new FreePorts();
    private static final String CONFIGURATION = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec: {selector: {app: web}, ports: [{name: http, port: 8080}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: web-v1, namespace: shop}
            spec: {address: 127.0.1.21, labels: {app: web, version: v1}, ports: {http: INBOUND}}
            ---
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: edge, namespace: shop}
            spec: {selector: {istio: ingressgateway}, servers: [{port: {number: EDGE, name: http, protocol: HTTP}, hosts: ["*"]}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: web, namespace: shop}
            spec:
              hosts: ["*"]
              gateways: [edge]
              http:
              - name: version
                match: [{uri: {exact: /version}}]
                directResponse: {status: 200, body: {string: one}}
              - name: all
                route: [{destination: {host: web}}]
            """;

    private Fixture() {}

    /// @param edge port of the gateway
    /// @param inbound port of the workload at 127.0.1.21
    static String configuration(int edge, int inbound) {
        return CONFIGURATION.replace("EDGE", "" + edge).replace("INBOUND", "" + inbound);
    }

    /// @param ports workload port → the port that the application listens on, as JSON
    static Path bootstrap(Path work, String name, String node, String xdsPort, String ports) throws IOException {
        return Files.writeString(work.resolve(name + ".yaml"), """
                node:
                  id: $node
                  cluster: $name
                  metadata: {LABELS: {istio: ingressgateway}, NAMESPACE: shop, INTERCEPTION_MODE: NONE, MESH_OUTBOUND_ADDRESS: 127.128.1.21, MESH_APPLICATION_PORTS: $ports}
                admin: {address: {socket_address: {address: 127.0.0.1, port_value: $admin}}}
                dynamic_resources:
                  ads_config: {api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
                  lds_config: {ads: {}}
                  cds_config: {ads: {}}
                static_resources:
                  clusters:
                  - name: xds
                    type: STATIC
                    connect_timeout: 1s
                    load_assignment: {cluster_name: xds, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $xds}}}}]}]}
                    typed_extension_protocol_options:
                      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                        explicit_http_config: {http2_protocol_options: {}}
                """.replace("$node", node)
                .replace("$name", name)
                .replace("$ports", ports)
                .replace("$admin", Integer.toString(freePort()))
                .replace("$xds", xdsPort));
    }

    /// A pilot on a folder, as soon as it serves; its port stands in `pilot.port`.
    static Program pilot(Path work, Path folder) throws IOException {
        Path port = work.resolve("pilot.port");
        var pilot = Program.start(
                "mesh-pilot",
                "dev.mesh.pilot.boot.PilotMain",
                work.resolve("pilot.log"),
                List.of("--folder", folder.toString(), "--xds-port", "0", "--port-file", port.toString()));
        await().atMost(Duration.ofSeconds(30)).until(() -> Files.exists(port) || !pilot.isAlive());
        if (!pilot.isAlive()) {
            throw new IOException("the pilot has ended: " + pilot.output());
        }
        return pilot;
    }

    /// What makes `SCHEME:///host:port` a name that grpc-java resolves by xDS.
    ///
    /// @param xds the pilot's port
    static XdsNameResolverProvider names(String scheme, int xds) {
        return XdsNameResolverProvider.createForTest(
                scheme,
                Map.of(
                        "xds_servers",
                        List.of(Map.of(
                                "server_uri",
                                "127.0.0.1:" + xds,
                                "channel_creds",
                                List.of(Map.of("type", "insecure")),
                                "server_features",
                                List.of("xds_v3", "fail_on_data_errors"))),
                        "node",
                        Map.of(
                                "id",
                                "sidecar~127.0.1.70~caller.shop~shop.svc.cluster.local",
                                "metadata",
                                Map.of("GENERATOR", "grpc"))));
    }

    static int freePort() throws IOException {
        return PORTS.next();
    }
}
