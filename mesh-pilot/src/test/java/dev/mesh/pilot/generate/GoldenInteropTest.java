package dev.mesh.pilot.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.ProxyNode;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.ApiConfigSource;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.core.v3.GrpcService;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Real Envoy's `--mode validate` on everything that the golden cases generate (`make interop`).
class GoldenInteropTest {
    private static final String ENVOY = System.getProperty("envoy", "");

    @TempDir
    private static Path work;

    @BeforeAll
    static void makesCertificates() throws Exception {
        assumeFalse(ENVOY.isEmpty(), "needs -Denvoy=<path of a real Envoy>");
        Path certificates = Files.createDirectory(work.resolve("certs"));
        assertThat(run(
                        "openssl",
                        "req",
                        "-x509",
                        "-newkey",
                        "ec",
                        "-pkeyopt",
                        "ec_paramgen_curve:P-256",
                        "-nodes",
                        "-subj",
                        "/CN=golden",
                        "-days",
                        "2",
                        "-keyout",
                        certificates + "/key",
                        "-out",
                        certificates + "/pem"))
                .isEmpty();
        for (String name : new String[] {"a.pem", "b.pem", "client.pem", "ca.pem"}) {
            Files.copy(certificates.resolve("pem"), certificates.resolve(name));
        }
        for (String name : new String[] {"a.key", "b.key", "key.pem"}) {
            Files.copy(certificates.resolve("key"), certificates.resolve(name));
        }
        Path authority = Files.writeString(
                work.resolve("authority.cnf"),
                "[ca]\ndefault_ca = d\n[d]\ndatabase = " + Files.createFile(work.resolve("authority.txt"))
                        + "\ndefault_md = sha256\ndefault_crl_days = 2\n");
        String said = run(
                "openssl",
                "ca",
                "-gencrl",
                "-config",
                authority.toString(),
                "-keyfile",
                certificates + "/key",
                "-cert",
                certificates + "/pem",
                "-out",
                certificates + "/ca.crl");
        assertThat(certificates.resolve("ca.crl")).as(said).isNotEmptyFile();
    }

    static Stream<Arguments> views() {
        return GoldenCase.all()
                .flatMap(golden -> golden.nodes().entrySet().stream()
                        .filter(node -> node.getValue().type() != ProxyNode.Type.PROXYLESS)
                        .map(node -> Arguments.of(golden, node.getKey(), node.getValue())));
    }

    @ParameterizedTest
    @MethodSource("views")
    void envoyTakesIt(GoldenCase golden, String name, ProxyNode node) throws Exception {
        assumeTrue(!ENVOY.isEmpty());
        var view = new ConfigGenerators().generate(golden.push(), node);
        String json = JsonFormat.printer()
                .usingTypeRegistry(EnvoyTypes.REGISTRY)
                .print(bootstrap(view))
                .replace("\"/certs/", "\"" + work + "/certs/")
                .replace("/etc/ssl/certs/ca-certificates.crt", work + "/certs/ca.pem");
        Path file = Files.writeString(work.resolve(golden + "-" + name + ".json"), json);
        assertThat(run(ENVOY, "--mode", "validate", "-c", file.toString(), "--log-level", "error"))
                .as("what Envoy says")
                .isEmpty();
    }

    private static Bootstrap bootstrap(ProxyView view) throws IOException {
        var bootstrap =
                Bootstrap.newBuilder().setNode(Node.newBuilder().setId("golden").setCluster("golden"));
        bootstrap
                .getDynamicResourcesBuilder()
                .setAdsConfig(ApiConfigSource.newBuilder()
                        .setApiType(ApiConfigSource.ApiType.DELTA_GRPC)
                        .setTransportApiVersion(ApiVersion.V3)
                        .addGrpcServices(GrpcService.newBuilder()
                                .setEnvoyGrpc(GrpcService.EnvoyGrpc.newBuilder().setClusterName("xds"))));
        var resources = bootstrap.getStaticResourcesBuilder();
        resources.addClusters(Cluster.newBuilder()
                .setName("xds")
                .setType(Cluster.DiscoveryType.STATIC)
                .setConnectTimeout(Duration.newBuilder().setSeconds(1)));
        for (Resource cluster : view.of(XdsType.CLUSTER).values()) {
            resources.addClusters(cluster.body().unpack(Cluster.class));
        }
        for (Resource listener : view.of(XdsType.LISTENER).values()) {
            resources.addListeners(listener.body().unpack(Listener.class));
        }
        // Routes and endpoints come by name later; here they stand where Envoy reads them at once.
        for (Resource routes : view.of(XdsType.ROUTE).values()) {
            var configuration =
                    routes.body().unpack(RouteConfiguration.class).toBuilder().clearVhds();
            for (Resource host : view.of(XdsType.VIRTUAL_HOST).values()) {
                if (host.name().startsWith(routes.name() + "/")) {
                    configuration.addVirtualHosts(host.body().unpack(VirtualHost.class));
                }
            }
            resources.addListeners(listener("routes-" + routes.name(), configuration.build()));
        }
        for (Resource endpoints : view.of(XdsType.ENDPOINT).values()) {
            resources.addClusters(Cluster.newBuilder()
                    .setName("endpoints-" + endpoints.name())
                    .setType(Cluster.DiscoveryType.STATIC)
                    .setConnectTimeout(Duration.newBuilder().setSeconds(1))
                    .setLoadAssignment(endpoints
                            .body()
                            .unpack(io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment.class)));
        }
        return bootstrap.build();
    }

    private static Listener listener(String name, RouteConfiguration routes) {
        var manager = HttpConnectionManager.newBuilder()
                .setStatPrefix(name)
                .setRouteConfig(routes)
                .addAllHttpFilters(FilterProtos.chain());
        var listener = Listener.newBuilder()
                .setName(name)
                .addFilterChains(FilterChain.newBuilder()
                        .addFilters(Filter.newBuilder()
                                .setName("envoy.filters.network.http_connection_manager")
                                .setTypedConfig(pack(manager.build()))));
        listener.getAddressBuilder()
                .getSocketAddressBuilder()
                .setAddress("127.0.0.1")
                .setPortValue(0);
        return listener.build();
    }

    private static Any pack(Message message) {
        return Resource.pack(message);
    }

    // What a program says when it fails; empty if it ends well.
    private static String run(String... command) throws Exception {
        Path log = Files.createTempFile(work, "run", ".log");
        var process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        boolean over = process.waitFor(60, TimeUnit.SECONDS);
        if (!over) {
            process.destroyForcibly();
        }
        return over && process.exitValue() == 0 ? "" : command[0] + ": " + Files.readString(log);
    }
}
