package dev.mesh.proxy.upstream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.decide.RouteAction.Priority;
import dev.mesh.proxy.cluster.AssignmentPolicy;
import dev.mesh.proxy.cluster.ClientSource;
import dev.mesh.proxy.cluster.ClusterReader;
import dev.mesh.proxy.cluster.HostSpec;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.http.ClientConnection;
import dev.mesh.proxy.http.ClientStream;
import dev.mesh.proxy.http.ClientStreamListener;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.tls.FileSecrets;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class UpstreamPoolsTest {
    @Test
    void aClientsPoolThatNeverHadAConnectionDoesNotStay() throws ConfigRejected {
        var proto = Cluster.newBuilder().setName("c");
        proto.getCircuitBreakersBuilder()
                .addThresholdsBuilder()
                .getMaxPendingRequestsBuilder()
                .setValue(0);
        var cluster = new ClusterReader(new StatsStore(), new FileSecrets())
                .read(proto.build())
                .cluster();
        cluster.update(
                List.of(new HostSpec(new InetSocketAddress("127.0.0.1", 1), "", "", 0, 1, 1, true, Map.of())),
                AssignmentPolicy.USUAL);
        var loop = new EmbeddedChannel().eventLoop();
        var pools = new UpstreamPools((_, _, _, _, _) -> {
            throw new AssertionError("nothing may be connected");
        });
        var options = ConnectionOptions.of("", new ClientSource(InetAddress.ofLiteral("10.9.0.2"), 0));
        var host = cluster.hosts().getFirst();
        HttpPool refused = pools.pool(loop, cluster, host, Protocol.HTTP_1_1, Priority.DEFAULT, options);
        assertThat(pools.pool(loop, cluster, host, Protocol.HTTP_1_1, Priority.DEFAULT, options))
                .isSameAs(refused);
        var failures = new ArrayList<PoolFailure>();

        refused.acquire(new PoolCallback() {
            @Override
            public ClientStreamListener listener() {
                throw new AssertionError("no stream may come");
            }

            @Override
            public void onStream(
                    ClientStream stream, ClientConnection connection, @Nullable SocketAddress localAddress) {
                throw new AssertionError("no stream may come");
            }

            @Override
            public void onFailure(PoolFailure failure, String detail) {
                failures.add(failure);
            }
        });

        assertThat(failures).containsExactly(PoolFailure.OVERFLOW);
        assertThat(pools.pool(loop, cluster, host, Protocol.HTTP_1_1, Priority.DEFAULT, options))
                .isNotSameAs(refused);
    }
}
