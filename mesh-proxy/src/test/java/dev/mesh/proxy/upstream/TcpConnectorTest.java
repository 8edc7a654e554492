package dev.mesh.proxy.upstream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.cluster.AssignmentPolicy;
import dev.mesh.proxy.cluster.ClientSource;
import dev.mesh.proxy.cluster.ClusterReader;
import dev.mesh.proxy.cluster.HostSpec;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.tls.FileSecrets;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Where connections come from, by real sockets.
@Timeout(30)
class TcpConnectorTest {
    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.2", "10.9.0.2", "fd00::2"})
    void theApplicationOnLoopbackIsNotCalledFromItsClientsAddress(String client) throws Exception {
        var proto = Cluster.newBuilder().setName("inbound");
        proto.getUpstreamBindConfigBuilder().getSourceAddressBuilder().setAddress("127.0.0.6");
        var cluster = new ClusterReader(new StatsStore(), new FileSecrets())
                .read(proto.build())
                .cluster();
        try (var loops = new Loops(1);
                var application = new ServerSocket(0, 50, InetAddress.ofLiteral("127.0.0.1"))) {
            cluster.update(
                    List.of(new HostSpec(
                            new InetSocketAddress(application.getInetAddress(), application.getLocalPort()),
                            "",
                            "",
                            0,
                            1,
                            1,
                            true,
                            Map.of())),
                    AssignmentPolicy.USUAL);
            var loop = loops.all().getFirst();
            var options = ConnectionOptions.of("", new ClientSource(InetAddress.ofLiteral(client), 0));
            var connected = loop.submit(() -> new TcpConnector(loops)
                            .connect(loop, cluster, cluster.hosts().getFirst(), options, ""))
                    .get();
            var channel = connected.get(10, TimeUnit.SECONDS);
            try (var accepted = application.accept()) {
                assertThat(accepted.getInetAddress()).isEqualTo(InetAddress.ofLiteral("127.0.0.6"));
            }
            channel.close().sync();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "10.9.0.2, 10.9.0.1, true",
        "fd00::2, fd00::1, true",
        "fd00::2, 10.9.0.1, false",
        "10.9.0.2, fd00::1, false",
        "10.9.0.2, 127.0.0.1, false",
        "fd00::2, ::1, false"
    })
    void aClientsAddressServesForItsOwnFamilyInTheNetwork(String client, String target, boolean passes) {
        assertThat(TcpConnector.passesFor(
                        InetAddress.ofLiteral(client), new InetSocketAddress(InetAddress.ofLiteral(target), 80)))
                .isEqualTo(passes);
    }
}
