package dev.mesh.proxy.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.tls.FileSecrets;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/// How the share of a new host grows, and who gets what of weights that change (Envoy, "Slow start mode").
class SlowStartTest {
    private static final LoadBalancerContext CONTEXT = new FixedContext(new Random(7));

    private final AtomicLong now = new AtomicLong(Duration.ofHours(1).toNanos());
    private final List<LiveHost> hosts = new ArrayList<>();

    private LiveHost host(int weight, boolean healthy) {
        var host = new LiveHost(spec(weight, healthy), null);
        host.seen(now.get());
        hosts.add(host);
        return host;
    }

    private HostSpec spec(int weight, boolean healthy) {
        return new HostSpec(
                new InetSocketAddress("127.0.0.1", hosts.size() + 1), "", "", 0, weight, 1, healthy, Map.of());
    }

    private void pass(Duration time) {
        now.addAndGet(time.toNanos());
    }

    private long share(LoadBalancer balancer, LiveHost of, int requests) {
        long count = 0;
        for (int i = 0; i < requests; i++) {
            count += balancer.choose(hosts, CONTEXT) == of ? 1 : 0;
        }
        return count;
    }

    private LoadBalancer balancer(LbPolicy policy) {
        return LoadBalancer.of(policy, hosts, false, now::get);
    }

    private static LbPolicy policy(Cluster.Builder cluster) throws ConfigRejected {
        return new ClusterReader(new StatsStore(), new FileSecrets())
                .read(cluster.setName("c").build())
                .cluster()
                .policy();
    }

    private static LbPolicy roundRobin(int seconds) throws ConfigRejected {
        var cluster = Cluster.newBuilder();
        cluster.getRoundRobinLbConfigBuilder()
                .getSlowStartConfigBuilder()
                .getSlowStartWindowBuilder()
                .setSeconds(seconds);
        return policy(cluster);
    }

    @Test
    void theWeightGrowsToTheWhole() {
        var straight = new SlowStart(Duration.ofSeconds(10), 1, 0.1);
        assertThat(straight.factor(0)).isEqualTo(0.1);
        assertThat(straight.factor(Duration.ofSeconds(5).toNanos())).isEqualTo(0.5);
        assertThat(straight.factor(Duration.ofSeconds(10).toNanos())).isEqualTo(1);
        assertThat(straight.factor(Duration.ofSeconds(99).toNanos())).isEqualTo(1);
        var fast = new SlowStart(Duration.ofSeconds(10), 2, 0);
        assertThat(fast.factor(Duration.ofMillis(2500).toNanos())).isCloseTo(0.5, within(1e-9));
        // The first millisecond counts as one.
        assertThat(fast.factor(0)).isCloseTo(0.01, within(1e-9));
        assertThat(new SlowStart(Duration.ofSeconds(10), 0.5, 0)
                        .factor(Duration.ofSeconds(5).toNanos()))
                .isCloseTo(0.25, within(1e-9));
    }

    @Test
    void aNewHostGetsItsShareByAndBy() throws ConfigRejected {
        host(1, true);
        host(1, true);
        pass(Duration.ofSeconds(60));
        LiveHost young = host(1, true);
        var balancer = balancer(roundRobin(10));
        assertThat(share(balancer, young, 210)).isBetween(9L, 11L);
        pass(Duration.ofSeconds(5));
        // Its turn by the small weight it had is still to come.
        assertThat(share(balancer, young, 250)).isBetween(44L, 52L);
        pass(Duration.ofSeconds(6));
        assertThat(share(balancer, young, 300)).isBetween(99L, 101L);
    }

    @Test
    void hostsThatStartTogetherShareEquallyAndSoDoOldOnes() throws ConfigRejected {
        host(1, true);
        LiveHost last = host(1, true);
        assertThat(share(balancer(roundRobin(10)), last, 100)).isBetween(49L, 51L);
        pass(Duration.ofSeconds(11));
        assertThat(balancer(roundRobin(10))).isInstanceOf(LoadBalancer.RoundRobin.class);
    }

    @Test
    void aHostStartsWhenItIsHealthyForTheFirstTime() throws ConfigRejected {
        host(1, true);
        LiveHost sick = host(1, false);
        pass(Duration.ofSeconds(60));
        sick.update(spec(1, true));
        sick.seen(now.get());
        assertThat(share(balancer(roundRobin(10)), sick, 110)).isBetween(9L, 11L);
        pass(Duration.ofSeconds(60));
        sick.update(spec(1, false));
        sick.seen(now.get());
        sick.update(spec(1, true));
        sick.seen(now.get());
        assertThat(share(balancer(roundRobin(10)), sick, 100)).isEqualTo(50);
    }

    @Test
    void leastRequestCountsWeightsOpenRequestsAndYouth() throws ConfigRejected {
        var cluster = Cluster.newBuilder().setLbPolicy(Cluster.LbPolicy.LEAST_REQUEST);
        LiveHost heavy = host(4, true);
        host(1, true);
        pass(Duration.ofSeconds(60));
        assertThat(share(balancer(policy(cluster)), heavy, 100)).isBetween(79L, 81L);
        heavy.activeRequests().set(3);
        assertThat(share(balancer(policy(cluster)), heavy, 100)).isBetween(49L, 51L);
        cluster.getLeastRequestLbConfigBuilder().getActiveRequestBiasBuilder().setDefaultValue(0);
        assertThat(share(balancer(policy(cluster)), heavy, 100)).isBetween(79L, 81L);
        cluster.getLeastRequestLbConfigBuilder()
                .getSlowStartConfigBuilder()
                .getSlowStartWindowBuilder()
                .setSeconds(10);
        cluster.getLeastRequestLbConfigBuilder()
                .getSlowStartConfigBuilder()
                .getMinWeightPercentBuilder()
                .setValue(20);
        LiveHost young = host(5, true);
        assertThat(share(balancer(policy(cluster)), young, 120)).isBetween(19L, 21L);
    }

    @Test
    void equalHostsAreComparedByOpenRequests() throws ConfigRejected {
        LiveHost busy = host(1, true);
        host(1, true);
        busy.activeRequests().set(1);
        var cluster = Cluster.newBuilder().setLbPolicy(Cluster.LbPolicy.LEAST_REQUEST);
        assertThat(share(balancer(policy(cluster)), busy, 1000)).isBetween(150L, 350L); // drawn twice: a quarter
    }
}
