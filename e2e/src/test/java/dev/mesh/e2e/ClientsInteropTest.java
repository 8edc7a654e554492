package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.mesh.api.local.LocalAddresses;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.NameResolverRegistry;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Clients that nobody here wrote through the edge and sidecars of a running mesh. Runs where `-Dhome` names the built
/// programs: `make interop`; `-Dpeers` names the folder that scripts/peers prints.
@EnabledIfSystemProperty(named = "home", matches = ".+")
@SuppressWarnings("NullAway.Init") // set by JUnit
@Timeout(120)
class ClientsInteropTest {
    private static final String MORE = """
            apiVersion: v1
            kind: Service
            metadata: {name: text, namespace: shop}
            spec: {selector: {app: upstream}, ports: [{name: grpc, port: 9090}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: chat, namespace: shop}
            spec: {selector: {app: upstream}, ports: [{name: http, port: 8080}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: talk, namespace: shop}
            spec: {selector: {app: upstream}, ports: [{name: tcp, port: 7171}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: upstream, namespace: shop}
            spec: {address: 127.0.1.31, labels: {app: upstream}, ports: {grpc: 9090, http: 8080, tcp: 7171}}
            ---
            apiVersion: mesh.dev/v1alpha1
            kind: LocalProcess
            metadata: {name: upstream, namespace: shop}
            spec:
              command: ["${JAVA}", -XX:+UseSerialGC, -XX:TieredStopAtLevel=1, -Xmx300m, -cp, "CLASSES", dev.mesh.e2e.Upstream]
            ---
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: talk, namespace: shop}
            spec:
              selector: {istio: ingressgateway}
              servers: [{port: {number: PORT, name: tcp, protocol: TCP}, hosts: ["*"]}]
            ---
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: talk, namespace: shop}
            spec:
              hosts: ["*"]
              gateways: [talk]
              tcp: [{route: [{destination: {host: talk, port: {number: 7171}}}]}]
            """;
    private static final String RULES = """
              - name: text
                match: [{uri: {prefix: /test.Text/}}]
                route: [{destination: {host: text, port: {number: 9090}}}]
              - name: chat
                match: [{uri: {prefix: /echo/}}]
                timeout: 0.5s
                route: [{destination: {host: chat, port: {number: 8080}}}]
            """;
    private static final String CALLER = "127.128.1.11"; // where the storefront's calls go
    private static final CallOptions SOON = CallOptions.DEFAULT;

    @TempDir
    private static Path work;

    private static LocalShop shop;
    private static int tcp;

    @BeforeAll
    static void starts() throws IOException {
        tcp = Fixture.freePort();
        String classes = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        shop = new LocalShop(
                work,
                MORE.replace("CLASSES", classes).replace("PORT", "" + tcp),
                text -> text.replace("  - name: storefront\n    route", RULES + "  - name: storefront\n    route"));
    }

    @AfterAll
    static void ends() {
        if (shop != null) {
            shop.close();
        }
    }

    // ---- HTTP ----

    private static String run(List<String> command) throws IOException, InterruptedException {
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        String peers = System.getProperty("peers", "");
        builder.environment()
                .put("LD_LIBRARY_PATH", peers + "/usr/lib/x86_64-linux-gnu:" + peers + "/usr/lib/aarch64-linux-gnu");
        var process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return output + "exit " + process.waitFor();
    }

    private static String curl(String... arguments) throws IOException, InterruptedException {
        assumeTrue(Files.exists(Path.of("/usr/bin/curl")), "needs curl");
        var command = new ArrayList<>(List.of(
                "/usr/bin/curl", "-sS", "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{size_download} "));
        command.addAll(List.of(arguments));
        return run(command);
    }

    private static List<String> peer(String program, String... arguments) {
        Path path = Path.of(System.getProperty("peers", ""), "usr", "bin", program);
        assumeTrue(Files.exists(path), "needs " + program + " from scripts/peers");
        var command = new ArrayList<>(List.of(path.toString()));
        command.addAll(List.of(arguments));
        return command;
    }

    @Test
    void curlSpeaksHttp1AndHttp2() throws Exception {
        String page = "http://127.0.0.1:" + shop.edge() + "/";

        assertThat(curl("--http1.1", page)).matches("1\\.1 200 [1-9][0-9]* exit 0");
        // Envoy's answer to HTTP/1.0, unless it is told to take it: an upgrade is required.
        assertThat(curl("--http1.0", page)).matches("1\\.1 426 [0-9]+ exit 0");
        assertThat(curl("--http2-prior-knowledge", page)).matches("2 200 [1-9][0-9]* exit 0");
        // An upgrade to HTTP/2 that is not taken up leaves HTTP/1.1.
        assertThat(curl("--http2", page)).matches("1\\.1 200 [1-9][0-9]* exit 0");
        assertThat(curl("--http1.1", "-I", page)).matches("1\\.1 200 0 exit 0");
    }

    /// Above a mebibyte curl asks whether to go on, and waits for `100 Continue`.
    @Test
    void curlUploads() throws Exception {
        Path file = Files.write(work.resolve("upload"), new byte[3 << 20]);
        for (String version : List.of("--http1.1", "--http2-prior-knowledge")) {
            String answer = run(List.of(
                    "/usr/bin/curl",
                    "-sS",
                    version,
                    "--data-binary",
                    "@" + file,
                    "http://127.0.0.1:" + shop.edge() + "/echo/length"));
            assertThat(answer).as(version).isEqualTo((3 << 20) + "exit 0");
        }
    }

    @Test
    void nghttpFetchesAPage() throws Exception {
        String output = run(peer("nghttp", "-v", "http://127.0.0.1:" + shop.edge() + "/"));

        assertThat(output).contains(":status: 200", "The shop").endsWith("exit 0");
    }

    @Test
    void h2loadsRequestsAllSucceed() throws Exception {
        String page = "http://127.0.0.1:" + shop.edge() + "/echo/length";
        for (var command : List.of(
                peer("h2load", "--h1", "-n", "2000", "-c", "16", page),
                peer("h2load", "-n", "2000", "-c", "4", "-m", "16", page))) {
            assertThat(run(command))
                    .contains("2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout")
                    .contains("2000 2xx, 0 3xx, 0 4xx, 0 5xx");
        }
    }

    // ---- gRPC ----

    enum Way {
        EDGE,
        SIDECAR;

        ManagedChannel dial() {
            return (this == EDGE
                            ? NettyChannelBuilder.forAddress("127.0.0.1", shop.edge())
                            : NettyChannelBuilder.forAddress(CALLER, 9090).overrideAuthority("text:9090"))
                    .usePlaintext()
                    .maxInboundMessageSize(64 << 20)
                    .build();
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void everyKindOfCallPasses(Way way) throws Exception {
        ManagedChannel channel = way.dial();
        try {
            var metadata = new Metadata();
            metadata.put(TextService.USER, "ann");
            metadata.put(TextService.BINARY, new byte[] {0, -1, 127});
            var trailers = new AtomicReference<Metadata>();
            Channel intercepted = ClientInterceptors.intercept(
                    channel,
                    MetadataUtils.newAttachHeadersInterceptor(metadata),
                    MetadataUtils.newCaptureMetadataInterceptor(new AtomicReference<>(), trailers));
            assertThat(ClientCalls.blockingUnaryCall(intercepted, TextService.ECHO, SOON, "hello"))
                    .isEqualTo("text hello");
            assertThat(trailers.get().get(TextService.TRAILER)).isEqualTo("ann");
            assertThat(trailers.get().get(TextService.BINARY)).containsExactly(0, -1, 127);

            assertThatThrownBy(() -> ClientCalls.blockingUnaryCall(
                            channel, TextService.FAIL, SOON, "FAILED_PRECONDITION not to-day: ünï 100%"))
                    .hasMessage("FAILED_PRECONDITION: not to-day: ünï 100%");

            var parts = new ArrayList<String>();
            ClientCalls.blockingServerStreamingCall(channel, TextService.SPLIT, SOON, "2000 1000")
                    .forEachRemaining(parts::add);
            assertThat(parts).hasSize(2000).allMatch(part -> part.length() == 1000);

            var joined = new Answers();
            var join = ClientCalls.asyncClientStreamingCall(channel.newCall(TextService.JOIN, SOON), joined);
            for (int i = 0; i < 2000; i++) {
                join.onNext("x".repeat(1000));
            }
            join.onCompleted();
            assertThat(joined.all.get(60, TimeUnit.SECONDS)).containsExactly("2000 2000000");

            // Each message goes out when the one before has come back.
            var said = new Answers();
            var chat = ClientCalls.asyncBidiStreamingCall(channel.newCall(TextService.CHAT, SOON), said);
            for (int i = 0; i < 200; i++) {
                chat.onNext("word " + i);
                assertThat(said.next.poll(60, TimeUnit.SECONDS)).isEqualTo("word " + i);
            }
            chat.onCompleted();
            assertThat(said.all.get(60, TimeUnit.SECONDS)).hasSize(200);

            String large = "x".repeat(8 << 20);
            assertThat(ClientCalls.blockingUnaryCall(channel, TextService.ECHO, SOON, large))
                    .isEqualTo("text " + large);
        } finally {
            channel.shutdownNow();
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void deadlinesAndCancellationsReachTheService(Way way) throws Exception {
        ManagedChannel channel = way.dial();
        try {
            int before = cancelled(channel);
            var late = SOON.withDeadlineAfter(300, TimeUnit.MILLISECONDS);
            assertThatThrownBy(() -> ClientCalls.blockingUnaryCall(channel, TextService.HANG, late, ""))
                    .hasMessageContaining("DEADLINE_EXCEEDED");
            await().atMost(Duration.ofSeconds(30)).until(() -> cancelled(channel) == before + 1);

            var hanging = ClientCalls.futureUnaryCall(channel.newCall(TextService.HANG, SOON), "");
            // The service has the call when another one on the same connection, sent later, has been answered.
            cancelled(channel);
            hanging.cancel(true);
            await().atMost(Duration.ofSeconds(30)).until(() -> cancelled(channel) == before + 2);
        } finally {
            channel.shutdownNow();
        }
    }

    /// No proxy at the caller: gRPC asks the pilot itself, and meets the sidecar of the ratings.
    @Test
    void grpcsOwnXdsClientCallsAServiceOfTheShop() {
        var names = Fixture.names("shop", shop.xds());
        NameResolverRegistry.getDefaultRegistry().register(names);
        ManagedChannel channel = Grpc.newChannelBuilder(
                        "shop:///ratings.shop.svc.cluster.local:9090", InsecureChannelCredentials.create())
                .build();
        try {
            var ratings = TextService.foreign("shop.v1.Ratings", "Of");
            String mug = "\n\u0003mug"; // RatingRequest{product: "mug"}
            assertThat(ClientCalls.blockingUnaryCall(channel, ratings, SOON, mug))
                    .contains("Ada", "Brendan");
            assertThat(shop.proxies())
                    .filteredOn(proxy -> proxy.getNodeId().contains("~caller.shop~"))
                    .singleElement()
                    .satisfies(proxy -> assertThat(proxy.getTypesList())
                            .hasSize(4)
                            .allMatch(type -> type.getState().equals("SYNCED")));
        } finally {
            channel.shutdownNow();
            NameResolverRegistry.getDefaultRegistry().deregister(names);
        }
    }

    private static int cancelled(Channel channel) {
        return Integer.parseInt(ClientCalls.blockingUnaryCall(channel, TextService.CANCELLED, SOON, ""));
    }

    private static final class Answers implements StreamObserver<String> {
        private final List<String> seen = new ArrayList<>();
        private final LinkedBlockingQueue<String> next = new LinkedBlockingQueue<>();
        private final CompletableFuture<List<String>> all = new CompletableFuture<>();

        @Override
        public void onNext(String message) {
            seen.add(message);
            next.add(message);
        }

        @Override
        public void onError(Throwable failure) {
            all.completeExceptionally(failure);
        }

        @Override
        public void onCompleted() {
            all.complete(seen);
        }
    }

    // ---- WebSocket ----

    /// What a socket heard, in words.
    private static final class Heard implements WebSocket.Listener {
        private final LinkedBlockingQueue<String> words = new LinkedBlockingQueue<>();
        private final StringBuilder text = new StringBuilder();
        private int binary;

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                words.add(text.toString());
                text.setLength(0);
            }
            socket.request(1);
            return CompletableFuture.completedStage(null);
        }

        @Override
        public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
            binary += data.remaining();
            if (last) {
                words.add("binary " + binary);
                binary = 0;
            }
            socket.request(1);
            return CompletableFuture.completedStage(null);
        }

        @Override
        public CompletionStage<?> onPong(WebSocket socket, ByteBuffer message) {
            words.add("pong " + StandardCharsets.US_ASCII.decode(message));
            socket.request(1);
            return CompletableFuture.completedStage(null);
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
            words.add("closed " + status + " " + reason);
            return CompletableFuture.completedStage(null);
        }

        @Override
        public void onError(WebSocket socket, Throwable failure) {
            words.add(failure.toString());
        }

        private String next() throws InterruptedException {
            String word = words.poll(60, TimeUnit.SECONDS);
            return word == null ? "nothing" : word;
        }
    }

    @Test
    void javasWebSocketSpeaksAndHearsAndOutlivesTheRoutesTimeout() throws Exception {
        URI chat = URI.create("ws://127.0.0.1:" + shop.edge() + "/echo/chat");
        try (HttpClient http = HttpClient.newHttpClient()) {
            var heard = new Heard();
            WebSocket socket =
                    http.newWebSocketBuilder().buildAsync(chat, heard).get(60, TimeUnit.SECONDS);
            socket.sendText("hello", true).get(60, TimeUnit.SECONDS);
            assertThat(heard.next()).isEqualTo("hello");
            socket.sendBinary(ByteBuffer.allocate(300_000), true).get(60, TimeUnit.SECONDS);
            assertThat(heard.next()).isEqualTo("binary 300000");
            socket.sendPing(StandardCharsets.US_ASCII.encode("there?")).get(60, TimeUnit.SECONDS);
            assertThat(heard.next()).isEqualTo("pong there?");
            // Three times the route's timeout without a byte.
            socket.sendText("later 1500", true).get(60, TimeUnit.SECONDS);
            assertThat(heard.next()).isEqualTo("at last");
            socket.sendClose(4321, "enough").get(60, TimeUnit.SECONDS);
            assertThat(heard.next()).isEqualTo("closed 4321 enough");

            var other = new Heard();
            WebSocket second =
                    http.newWebSocketBuilder().buildAsync(chat, other).get(60, TimeUnit.SECONDS);
            second.sendText("close 4000 the server has enough", true).get(60, TimeUnit.SECONDS);
            assertThat(other.next()).isEqualTo("closed 4000 the server has enough");
        }
    }

    @Test
    void nodesWebSocketSpeaksAndHears() throws Exception {
        assumeTrue(Files.exists(Path.of("/usr/bin/node")), "needs Node.js 20");
        String script = """
                const socket = new WebSocket("ws://127.0.0.1:PORT/echo/chat");
                const next = ["later 700", "close 4001 done"];
                socket.onopen = () => socket.send("hello");
                socket.onmessage = (message) => { console.log(message.data); socket.send(next.shift()); };
                socket.onclose = (close) => { console.log(`closed ${close.code} ${close.reason}`); };
                socket.onerror = (error) => { console.log(`error ${error.message}`); };
                """.replace("PORT", "" + shop.edge());
        String output = run(List.of("/usr/bin/node", "--no-warnings", "--experimental-websocket", "-e", script));
        assumeTrue(!output.contains("bad option"), "needs Node.js 20");

        assertThat(output).isEqualTo("hello\nat last\nclosed 4001 done\nexit 0");
    }

    // ---- TCP ----

    private static Socket talk(Way way) throws IOException {
        String host = LocalAddresses.virtual(
                        CALLER, List.of("stock.shop.svc.cluster.local", "talk.shop.svc.cluster.local"))
                .get("talk.shop.svc.cluster.local");
        var socket = way == Way.EDGE ? new Socket("127.0.0.1", tcp) : new Socket(host, 7171);
        socket.setSoTimeout(60_000);
        return socket;
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void tcpIsCarriedAfterEitherSideHasEnded(Way way) throws Exception {
        int length = 5_000_000 + way.ordinal();
        try (Socket socket = talk(way)) {
            socket.getOutputStream().write('L');
            socket.getOutputStream().write(new byte[length]);
            socket.shutdownOutput();
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .isEqualTo("" + length);
        }
        try (Socket socket = talk(way)) {
            socket.getOutputStream().write('F');
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .isEqualTo("farewell");
            socket.getOutputStream().write(new byte[length]);
        }
        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(shop.log()).contains("tcp got " + length + " after its end"));
    }
}
