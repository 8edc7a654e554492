package dev.mesh.proxy.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.mesh.proxy.filter.ConfigRejected;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The agent from its socket to the rules in a namespace.
@SuppressWarnings("NullAway.Init") // set by JUnit
class NodeAgentTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String DAEMON_SET = "/apis/apps/v1/namespaces/mesh-system/daemonsets/mesh-node-agent";
    private static final String LIST =
            "{\"cniVersion\": \"1.0.0\", \"name\": \"net\", \"plugins\": [{\"type\": \"ptp\"}]}";

    @TempDir
    private Path folder;

    private Path configuration;
    private ApiStandIn api;
    private NodeAgent agent;
    private final MultiThreadIoEventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());

    @BeforeEach
    void starts() throws Exception {
        assumeTrue(Epoll.isAvailable(), "needs Linux");
        api = new ApiStandIn(folder);
        api.objects.put(DAEMON_SET, "{\"metadata\": {}}");
        configuration = Files.createDirectory(folder.resolve("net.d")).resolve("10-net.conflist");
        Files.writeString(configuration, LIST);
        Files.createDirectory(folder.resolve("bin"));
        Files.writeString(folder.resolve("mesh-cni"), "the program");
        agent = new NodeAgent(settings(), new KubeApi(api.address(), folder));
        agent.start();
    }

    @AfterEach
    void ends() {
        agent.close();
        api.close();
        loop.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
    }

    private NodeSettings settings() throws ConfigRejected {
        return NodeSettings.parse(
                List.of(
                        "--node=node1",
                        "--namespace=mesh-system",
                        "--cni-bin-dir=" + folder.resolve("bin"),
                        "--cni-conf-dir=" + folder.resolve("net.d"),
                        "--socket=" + folder.resolve("s"),
                        "--plugin=" + folder.resolve("mesh-cni"),
                        "--status-port=0"),
                Map.of());
    }

    /// Calls as the plugin does.
    private String call(String line, String file) throws Exception {
        var said = new CompletableFuture<String>();
        var channel = new Bootstrap()
                .group(loop)
                .channel(EpollDomainSocketChannel.class)
                .handler(new SimpleChannelInboundHandler<ByteBuf>() {
                    private final StringBuilder all = new StringBuilder();

                    @Override
                    protected void channelRead0(ChannelHandlerContext context, ByteBuf bytes) {
                        if (all.isEmpty()) {
                            context.writeAndFlush(Unpooled.copiedBuffer(line + "\n", StandardCharsets.UTF_8));
                        }
                        all.append(bytes.toString(StandardCharsets.UTF_8));
                    }

                    @Override
                    public void channelInactive(ChannelHandlerContext context) {
                        said.complete(all.toString());
                    }
                })
                .connect(new DomainSocketAddress(folder.resolve("s").toString()))
                .sync()
                .channel();
        try (var open = new FileInputStream(file)) {
            assertThat(open.getFD().valid()).isTrue();
            channel.writeAndFlush(new FileDescriptor(numberOf(file))).sync();
            return said.get(60, TimeUnit.SECONDS).strip();
        }
    }

    /// Of the open file of this process that is this one.
    private static int numberOf(String file) throws IOException {
        Path wanted = Files.isSymbolicLink(Path.of(file)) ? Files.readSymbolicLink(Path.of(file)) : Path.of(file);
        try (var all = Files.list(Path.of("/proc/self/fd"))) {
            for (Path each : all.toList()) {
                if (Files.isSymbolicLink(each) && Files.readSymbolicLink(each).equals(wanted)) {
                    return Integer.parseInt(each.getFileName().toString());
                }
            }
        }
        throw new AssertionError(file + " is not open");
    }

    private static String pod(String name, String uid) {
        return "{\"namespace\":\"shop\",\"name\":\"" + name + "\",\"uid\":\"" + uid + "\",\"interfaces\":[\"eth0\"]}";
    }

    @Test
    void aPodsRulesAreInItsNamespaceWhenTheAnswerIsThere() throws Exception {
        assumeTrue(runs("unshare", "-n", "iptables-nft", "-t", "nat", "-L"), "needs root and iptables");
        api.objects.put("/api/v1/namespaces/shop/pods/cart", PodRulesTest.INJECTED);
        Process holder = new ProcessBuilder("unshare", "-n", "sleep", "300").start();
        try {
            String namespace = "/proc/" + holder.pid() + "/ns/net";
            Path own = Files.readSymbolicLink(Path.of("/proc/self/ns/net"));
            await().atMost(PATIENCE)
                    .until(() -> !Files.readSymbolicLink(Path.of(namespace)).equals(own));

            assertThat(call(pod("cart", "u1"), namespace)).isEqualTo("{}");

            Process list = new ProcessBuilder("nsenter", "-n" + namespace, "iptables-nft-save").start();
            assertThat(new String(list.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                    .contains("--to-ports 15001", "--to-ports 15006");
            api.objects.put(
                    "/api/v1/namespaces/shop/pods/cart", PodRulesTest.INJECTED.replace("\"15001\"", "\"wrong\""));
            assertThat(call(pod("cart", "u1"), namespace))
                    .isEqualTo("{\"error\":\"the arguments of its container istio-validation are wrong: --envoy-port:"
                            + " \\\"wrong\\\" (expected: 1-65535)\"}");
        } finally {
            holder.destroyForcibly();
        }
    }

    @Test
    void aPodThatNeedsNothingIsAnsweredAtOnceAndWhatIsWrongIsSaid() throws Exception {
        String nowhere = folder.resolve("token").toString();
        api.objects.put("/api/v1/namespaces/shop/pods/plain", "{\"metadata\": {\"uid\": \"u2\"}, \"spec\": {}}");
        api.objects.put("/api/v1/namespaces/shop/pods/cart", PodRulesTest.INJECTED);

        assertThat(call(pod("plain", "u2"), nowhere)).isEqualTo("{}");
        assertThat(call(pod("static", "u3"), nowhere)).isEqualTo("{}");
        assertThat(call(pod("cart", "older"), nowhere))
                .isEqualTo("{\"error\":\"the API server has another pod of that name by now\"}");
        assertThat(call("?", nowhere)).contains("mesh-cni is of another version");
        assertThat(call(pod("cart", "u1"), nowhere)).contains("the pod's network cannot be entered");
        Files.writeString(folder.resolve("token"), "old");
        assertThat(call(pod("cart", "u1"), nowhere)).contains("the API server says 401");
    }

    @Test
    void itKeepsItsPlaceInTheConfigurationAndSaysWhetherItHasIt() throws Exception {
        await().atMost(PATIENCE).until(() -> agent.unready().isEmpty());
        assertThat(ready()).isEqualTo("200 ready");
        assertThat(configuration).content().contains("mesh-cni");

        // Another plugin's installer writes its file again.
        Files.writeString(configuration, LIST.replace("ptp", "bridge"));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(configuration).content().contains("mesh-cni", "bridge"));

        Files.delete(configuration);
        await().atMost(PATIENCE).until(() -> !agent.unready().isEmpty());
        assertThat(ready()).startsWith("503 ").contains("has no network configuration to chain to");
        Files.writeString(configuration, LIST);
        await().atMost(PATIENCE).until(() -> agent.unready().isEmpty());
    }

    @Test
    void anAgentThatComesBackLeavesTheHostAsItIs() throws Exception {
        await().atMost(PATIENCE).until(() -> agent.unready().isEmpty());
        agent.close();
        assertThat(configuration).content().contains("mesh-cni");
        assertThat(folder.resolve("bin/mesh-cni")).exists();
        assertThat(folder.resolve("s")).doesNotExist();
    }

    @Test
    void anAgentWhoseDaemonSetIsGoneLeavesNothing() throws Exception {
        await().atMost(PATIENCE).until(() -> agent.unready().isEmpty());
        api.objects.remove(DAEMON_SET);
        agent.close();
        assertThat(configuration).hasContent(LIST);
        assertThat(folder.resolve("bin")).isEmptyDirectory();
    }

    @Test
    void everyWrongFlagIsNamed() {
        assertThatThrownBy(() -> NodeSettings.parse(
                        List.of("--repair=heal", "--timeout", "0", "--repair-label=x", "--node-name=x", "--socket"),
                        Map.of()))
                .isInstanceOfSatisfying(
                        ConfigRejected.class,
                        rejected -> assertThat(rejected.reasons())
                                .containsExactly(
                                        "--node-name=x: unknown option",
                                        "--socket: its value is missing",
                                        "--node is missing, and so is NODE_NAME (expected: spec.nodeName by the downward API)",
                                        "--namespace is missing, and so is POD_NAMESPACE (expected: metadata.namespace by the"
                                                + " downward API)",
                                        "--repair: \"heal\" (expected: none, label or delete)",
                                        "--repair-label: \"x\" (expected: NAME=VALUE)",
                                        "--timeout: \"0\" (expected: 1-600)"));
    }

    private String ready() throws IOException {
        var connection = (HttpURLConnection) URI.create("http://127.0.0.1:" + agent.statusPort() + "/healthz/ready")
                .toURL()
                .openConnection();
        int status = connection.getResponseCode();
        try (var body = status == 200 ? connection.getInputStream() : connection.getErrorStream()) {
            return status + " " + new String(body.readAllBytes(), StandardCharsets.UTF_8).strip();
        }
    }

    private static boolean runs(String... command) throws InterruptedException {
        try {
            return new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        }
    }
}
