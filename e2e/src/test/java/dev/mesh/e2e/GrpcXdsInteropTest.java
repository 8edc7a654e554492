package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.proto.v1.ListProxiesRequest;
import dev.mesh.api.proto.v1.MeshQueryGrpc;
import dev.mesh.api.proto.v1.ProxyStatus;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.NameResolverRegistry;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.xds.XdsNameResolverProvider;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// grpc-java's own xDS client (`xds:///host:port`) under our pilot: it resolves, balances and routes by itself, and no
/// proxy is in between.
@SuppressWarnings("NullAway.Init") // set by JUnit and before each test
class GrpcXdsInteropTest {
    private static final String HOST = "text.shop.svc.cluster.local:9090";
    private static final String MESH = """
            apiVersion: v1
            kind: Service
            metadata: {name: text, namespace: shop}
            spec: {selector: {app: text}, ports: [{name: grpc, port: 9090}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: text, namespace: shop}
            spec:
              host: text
              subsets:
              - {name: v1, labels: {version: v1}}
              - {name: v2, labels: {version: v2}}
            """;
    private static final String WORKLOAD = """
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: NAME, namespace: shop}
            spec: {address: ADDRESS, labels: {app: text, version: VERSION}, ports: {grpc: PORT}}
            """;
    private static final String RULES = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: text, namespace: shop}
            spec:
              hosts: [text]
              http:
            """;
    private static final String ROUTES = """
            - name: jason
              match:
              - headers: {x-user: {exact: jason}}
              route:
              - destination: {host: text, subset: v2}
            - name: chat
              match:
              - uri: {exact: /test.Text/Chat}
              route:
              - destination: {host: text, subset: v2}
            - name: others
              route:
              - {destination: {host: text, subset: v1}, weight: V1}
              - {destination: {host: text, subset: v2}, weight: V2}
            """;

    @TempDir
    private Path work;

    private final List<Server> servers = new ArrayList<>();
    private final List<ManagedChannel> channels = new ArrayList<>();
    private Path folder;
    private Program pilot;
    private int xds;
    private XdsNameResolverProvider names;

    @BeforeEach
    void startsThePilot() throws IOException {
        folder = Files.createDirectory(work.resolve("config"));
        write("mesh", MESH);
        workload("text-v1", "127.0.1.71", "v1");
        workload("text-v2", "127.0.1.72", "v2");
        xds = Fixture.freePort();
        start();
        names = Fixture.names("xds" + xds, xds);
        NameResolverRegistry.getDefaultRegistry().register(names);
    }

    @AfterEach
    void endsAll() throws InterruptedException {
        channels.forEach(ManagedChannel::shutdownNow);
        NameResolverRegistry.getDefaultRegistry().deregister(names);
        pilot.close();
        for (Server server : servers) {
            server.shutdownNow().awaitTermination();
        }
    }

    private void start() throws IOException {
        pilot = Program.start(
                "mesh-pilot",
                "dev.mesh.pilot.boot.PilotMain",
                work.resolve("pilot.log"),
                List.of(
                        "--folder",
                        folder.toString(),
                        "--xds-port",
                        "" + xds,
                        "--port-file",
                        work.resolve("pilot.port").toString()));
        await().atMost(Duration.ofSeconds(40))
                .until(() -> Files.exists(work.resolve("pilot.port")) || !pilot.isAlive());
        assertThat(pilot.isAlive()).as(pilot::toString).isTrue();
    }

    // Whole or not at all, as editors save.
    private void write(String name, String text) throws IOException {
        Path fresh = Files.writeString(work.resolve(name), text);
        Files.move(fresh, folder.resolve(name + ".yaml"), StandardCopyOption.ATOMIC_MOVE);
    }

    private void routes(int v1, int v2) throws IOException {
        rules(ROUTES.replace("V1", "" + v1).replace("V2", "" + v2));
    }

    /// @param http rules of the service, as a YAML list
    private void rules(String http) throws IOException {
        write("routes", RULES + http.indent(2));
    }

    private TextService workload(String name, String address, String version) throws IOException {
        var service = new TextService(name);
        Server server = NettyServerBuilder.forAddress(new InetSocketAddress(address, 0))
                .addService(service)
                .build()
                .start();
        servers.add(server);
        write(
                name,
                WORKLOAD.replace("NAME", name)
                        .replace("ADDRESS", address)
                        .replace("VERSION", version)
                        .replace("PORT", "" + server.getPort()));
        return service;
    }

    private ManagedChannel dial(String name) {
        ManagedChannel channel = Grpc.newChannelBuilder(
                        "xds" + xds + ":///" + name, InsecureChannelCredentials.create())
                .build();
        channels.add(channel);
        return channel;
    }

    private static String echo(Channel channel, String user) {
        var headers = new Metadata();
        headers.put(TextService.USER, user);
        return ClientCalls.blockingUnaryCall(
                ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers)),
                TextService.ECHO,
                CallOptions.DEFAULT.withDeadlineAfter(10, TimeUnit.SECONDS),
                "hello");
    }

    // How many of so many calls each workload has answered.
    private static Map<String, Long> share(Channel channel, int calls) {
        var answers = new ArrayList<String>();
        for (int i = 0; i < calls; i++) {
            answers.add(echo(channel, "ann").split(" ", 2)[0]);
        }
        return answers.stream()
                .collect(java.util.stream.Collectors.groupingBy(
                        answer -> answer, java.util.TreeMap::new, java.util.stream.Collectors.counting()));
    }

    // What the pilot knows of the client: nothing that it was sent was refused.
    private ProxyStatus nothingIsRefused() throws IOException {
        assertThat(pilot.output()).doesNotContain("refused");
        ManagedChannel channel = Grpc.newChannelBuilder("127.0.0.1:" + xds, InsecureChannelCredentials.create())
                .build();
        channels.add(channel);
        var proxies = MeshQueryGrpc.newBlockingStub(channel)
                .withDeadlineAfter(20, TimeUnit.SECONDS)
                .listProxies(ListProxiesRequest.getDefaultInstance())
                .getProxiesList();
        assertThat(proxies).isNotEmpty();
        for (ProxyStatus proxy : proxies) {
            assertThat(proxy.getTypesList()).allSatisfy(type -> {
                assertThat(type.getLastError()).isEmpty();
                assertThat(type.getState()).isEqualTo("SYNCED");
            });
        }
        return proxies.getFirst();
    }

    @Test
    void aNameIsResolvedAndItsWorkloadsAreBalanced() throws Exception {
        var channel = dial(HOST);

        // Taken in turns once both connections stand.
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(share(channel, 100)).isEqualTo(Map.of("text-v1", 50L, "text-v2", 50L)));
        for (String name : List.of("text.shop.svc:9090", "text.shop:9090", "text:9090")) {
            assertThat(echo(dial(name), "ann")).as(name).endsWith(" hello");
        }

        var status = nothingIsRefused();
        assertThat(status.getProxyVersion()).contains("gRPC Java");
        assertThat(status.getTypesList()).hasSize(4);
    }

    @Test
    void headersPathsAndWeightsDecideAndAnEditIsFollowed() throws Exception {
        routes(25, 75);
        var channel = dial(HOST);

        assertThat(echo(channel, "jason")).isEqualTo("text-v2 hello");
        assertThat(share(channel, 400).get("text-v2")).isBetween(240L, 360L); // seven standard deviations around 300

        routes(100, 0);
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(share(channel, 30)).containsOnlyKeys("text-v1"));
        assertThat(echo(channel, "jason")).isEqualTo("text-v2 hello");

        Files.delete(folder.resolve("routes.yaml"));
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(share(channel, 30)).hasSize(2));
        nothingIsRefused();
    }

    @Test
    void workloadsThatComeAndGoAreFollowedWithoutAFailedCall() throws Exception {
        routes(100, 0);
        var channel = dial(HOST);
        assertThat(share(channel, 10)).containsOnlyKeys("text-v1");

        workload("text-v1b", "127.0.1.73", "v1");
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(share(channel, 10)).containsOnlyKeys("text-v1", "text-v1b"));

        Files.delete(folder.resolve("text-v1.yaml"));
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(share(channel, 10)).containsOnlyKeys("text-v1b"));
        nothingIsRefused();
    }

    @Test
    void aServiceThatGoesAndComesBackIsFollowed() throws Exception {
        var channel = dial(HOST);
        assertThat(echo(channel, "ann")).endsWith(" hello");

        Files.delete(folder.resolve("mesh.yaml"));
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThatThrownBy(() -> echo(channel, "ann"))
                        .isInstanceOf(StatusRuntimeException.class)
                        .extracting(failure -> Status.fromThrowable(failure).getCode())
                        .isEqualTo(Status.Code.UNAVAILABLE));

        write("mesh", MESH);
        await().atMost(Duration.ofSeconds(20))
                .ignoreExceptions()
                .untilAsserted(() -> assertThat(echo(channel, "ann")).endsWith(" hello"));
        nothingIsRefused();
    }

    @Test
    void timeoutsFaultsAndRetriesAreTheRoutes() throws Exception {
        rules("""
                - name: hang
                  match: [{uri: {exact: /test.Text/Hang}}]
                  timeout: 0.2s
                  route: [{destination: {host: text, subset: v1}}]
                - name: fault
                  match: [{headers: {x-user: {exact: unlucky}}}]
                  fault: {abort: {percentage: {value: 100}, grpcStatus: DATA_LOSS}}
                  route: [{destination: {host: text, subset: v1}}]
                - name: tried
                  match: [{uri: {exact: /test.Text/FailFirst}}]
                  retries: {attempts: 3, retryOn: "unavailable,5xx", perTryTimeout: 5s, backoff: 1ms}
                  route: [{destination: {host: text, subset: v1}}]
                - name: once
                  match: [{uri: {exact: /test.Text/Fail}}]
                  retries: {attempts: 0}
                  route: [{destination: {host: text, subset: v1}}]
                - name: others
                  route: [{destination: {host: text, subset: v2}}]
                """);
        var channel = dial(HOST);

        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(echo(channel, "ann")).isEqualTo("text-v2 hello"));
        var soon = CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS);
        assertThat(ClientCalls.blockingUnaryCall(channel, TextService.FAIL_FIRST, soon, "3"))
                .isEqualTo("try 4");
        assertThatThrownBy(() -> ClientCalls.blockingUnaryCall(channel, TextService.FAIL, soon, "UNAVAILABLE down"))
                .hasMessage("UNAVAILABLE: down");
        assertThatThrownBy(() -> echo(channel, "unlucky")).hasMessageContaining("DATA_LOSS");
        // The call has no deadline of its own.
        var hanging = ClientCalls.futureUnaryCall(channel.newCall(TextService.HANG, CallOptions.DEFAULT), "");
        assertThat(hanging)
                .failsWithin(Duration.ofSeconds(20))
                .withThrowableThat()
                .withMessageContaining("DEADLINE_EXCEEDED");
        nothingIsRefused();
    }

    /// A gRPC client knows neither redirects nor answers of the mesh's own: calls that such a rule takes fail, and the
    /// other rules hold.
    @Test
    void rulesThatAGrpcClientCannotFollowFailTheirOwnCallsOnly() throws Exception {
        rules("""
                - name: moved
                  match: [{headers: {x-user: {exact: moved}}}]
                  redirect: {authority: elsewhere.example}
                - name: answered
                  match: [{headers: {x-user: {exact: answered}}}]
                  directResponse: {status: 503}
                - name: others
                  route: [{destination: {host: text, subset: v2}}]
                """);
        var channel = dial(HOST);

        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(echo(channel, "ann")).isEqualTo("text-v2 hello"));
        assertThatThrownBy(() -> echo(channel, "moved"))
                .hasMessageContaining("UNKNOWN")
                .hasMessageEndingWith("HTTP status code 301");
        assertThatThrownBy(() -> echo(channel, "answered"))
                .hasMessageContaining("UNAVAILABLE")
                .hasMessageEndingWith("HTTP status code 503");
        nothingIsRefused();
        assertThat(pilot.output()).contains("VirtualService shop/text: spec.http[0].redirect: not honoured by gRPC");
    }

    @Test
    void whatAGrpcClientDoesNotHonourIsSaid() throws Exception {
        rules("""
                - match: [{method: {exact: POST}}, {authority: {prefix: text}}, {scheme: {prefix: http}}, {queryParams: {a: {exact: b}}}]
                  route: [{destination: {host: text, subset: v1}}]
                - headers: {request: {set: {x-user: jason}}}
                  route: [{destination: {host: text, subset: v2}}]
                """);
        var channel = dial(HOST);

        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(echo(channel, "ann")).isEqualTo("text-v2 hello"));
        nothingIsRefused();
        assertThat(pilot.output())
                .contains(
                        "spec.http[0].match[0].method: not honoured by gRPC",
                        "spec.http[0].match[1].authority: not honoured by gRPC",
                        "spec.http[0].match[2].scheme: not honoured by gRPC",
                        "spec.http[0].match[3].queryParams: not honoured by gRPC",
                        "spec.http[1].headers.request: not honoured by gRPC");

        write("tls", """
                apiVersion: networking.istio.io/v1
                kind: DestinationRule
                metadata: {name: a-text, namespace: shop}
                spec: {host: text, trafficPolicy: {tls: {mode: SIMPLE}}}
                """);
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(
                        () -> assertThatThrownBy(() -> echo(dial(HOST), "ann")).hasMessageContaining("UNAVAILABLE"));
        assertThat(pilot.output()).contains("spec.trafficPolicy.tls: not honoured by gRPC");
    }

    @Test
    void aKilledPilotCostsNoCallAndItsSuccessorIsFollowed() throws Exception {
        routes(100, 0);
        var channel = dial(HOST);
        assertThat(share(channel, 10)).containsOnlyKeys("text-v1");

        pilot.kill();
        assertThat(share(channel, 100)).containsOnlyKeys("text-v1");
        Files.delete(work.resolve("pilot.port"));
        start();
        assertThat(share(channel, 100)).containsOnlyKeys("text-v1");

        routes(0, 100);
        await().atMost(Duration.ofSeconds(60))
                .untilAsserted(() -> assertThat(share(channel, 10)).containsOnlyKeys("text-v2"));
        nothingIsRefused();
    }
}
