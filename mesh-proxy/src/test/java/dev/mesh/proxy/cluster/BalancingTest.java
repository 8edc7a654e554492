package dev.mesh.proxy.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.tls.FileSecrets;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.HealthStatus;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.endpoint.v3.LbEndpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LocalityLbEndpoints;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// Which hosts a cluster chooses, by weight, locality, priority and health.
class BalancingTest {
    private final ClusterLoadAssignment.Builder assignment =
            ClusterLoadAssignment.newBuilder().setClusterName("c");
    private final Cluster.Builder proto = Cluster.newBuilder().setName("c").setType(Cluster.DiscoveryType.STATIC);
    private final LoadBalancerContext context = new FixedContext(new Random(7));
    private int port = 1;

    // Hosts of weight 1 but for those whose weights are given.
    private BalancingTest locality(String zone, int priority, int weight, int healthy, int unhealthy, int... weights) {
        var locality = LocalityLbEndpoints.newBuilder().setPriority(priority);
        locality.getLocalityBuilder().setZone(zone);
        if (weight > 0) {
            locality.getLoadBalancingWeightBuilder().setValue(weight);
        }
        for (int i = 0; i < healthy + unhealthy; i++) {
            var endpoint = LbEndpoint.newBuilder()
                    .setHealthStatus(i < healthy ? HealthStatus.HEALTHY : HealthStatus.UNHEALTHY);
            endpoint.getEndpointBuilder()
                    .setHostname(zone + i)
                    .getAddressBuilder()
                    .getSocketAddressBuilder()
                    .setAddress("127.0.0.1")
                    .setPortValue(port++);
            if (i < weights.length) {
                endpoint.getLoadBalancingWeightBuilder().setValue(weights[i]);
            }
            locality.addLbEndpoints(endpoint);
        }
        assignment.addEndpoints(locality);
        return this;
    }

    private LiveCluster cluster() throws ConfigRejected {
        var read = new ClusterReader(new StatsStore(), new FileSecrets())
                .read(proto.setLoadAssignment(assignment).build());
        read.cluster()
                .update(
                        ClusterReader.hosts(read.assignment(), ClusterReader.Resolver.LITERALS),
                        ClusterReader.policy(read.assignment()));
        return read.cluster();
    }

    private List<String> choose(int times) throws ConfigRejected {
        var cluster = cluster();
        var chosen = new ArrayList<String>();
        for (int i = 0; i < times; i++) {
            Host host = cluster.choose(context);
            chosen.add(host == null ? "none" : host.hostname());
        }
        return chosen;
    }

    private Map<String, Integer> countByZone(int times) throws ConfigRejected {
        var counts = new TreeMap<String, Integer>();
        choose(times).forEach(name -> counts.merge(name.substring(0, 1), 1, Integer::sum));
        return counts;
    }

    @Test
    void turnsAreSpreadByWeight() {
        assertThat(Schedule.of(new long[] {1, 1, 1}).turns()).containsExactly(0, 1, 2);
        assertThat(Schedule.of(new long[] {5, 1, 1}).turns()).containsExactly(0, 0, 0, 0, 0, 1, 2);
        assertThat(Schedule.of(new long[] {20, 40}).turns()).containsExactly(1, 0, 1);
        assertThat(Schedule.of(new long[] {0, 3}).turns()).containsExactly(1);
    }

    @Test
    void hugeWeightsMakeNoHugeRound() {
        var schedule = Schedule.of(new long[] {1_000_000_007L, 3_000_000_019L, 1});
        assertThat(schedule.length()).isLessThan(8200);
        int[] counts = new int[3];
        for (int turn : schedule.turns()) {
            counts[turn]++;
        }
        assertThat(counts[2]).isEqualTo(1);
        assertThat((double) counts[1] / counts[0]).isBetween(2.99, 3.01);
    }

    @Test
    void roundRobinGivesEachHostExactlyItsWeight() throws ConfigRejected {
        locality("a", 0, 0, 3, 0, 1, 3, 6);
        var chosen = choose(1000);
        assertThat(chosen.stream().filter("a0"::equals)).hasSize(100);
        assertThat(chosen.stream().filter("a1"::equals)).hasSize(300);
        assertThat(chosen.stream().filter("a2"::equals)).hasSize(600);
    }

    @Test
    void localityWeightsCountOnlyWhereTheClusterSaysSo() throws ConfigRejected {
        locality("a", 0, 3, 1, 0).locality("b", 0, 1, 1, 0);
        assertThat(countByZone(400)).containsEntry("a", 200).containsEntry("b", 200);
        proto.getCommonLbConfigBuilder().getLocalityWeightedLbConfigBuilder();
        assertThat(countByZone(400)).containsEntry("a", 300).containsEntry("b", 100);
    }

    @Test
    void aLocalityWithoutAWeightGetsNothing() throws ConfigRejected {
        proto.getCommonLbConfigBuilder().getLocalityWeightedLbConfigBuilder();
        locality("a", 0, 0, 5, 0).locality("b", 0, 1, 1, 0);
        assertThat(countByZone(50)).containsOnly(Map.entry("b", 50));
    }

    @Test
    void aLocalityKeepsItsShareUntilItsHostsCannotCarryIt() throws ConfigRejected {
        proto.getCommonLbConfigBuilder().getLocalityWeightedLbConfigBuilder();
        // 80 % of a are healthy: with 140 % that is all of its weight.
        locality("a", 0, 1, 4, 1).locality("b", 0, 1, 5, 0);
        assertThat(countByZone(200)).containsEntry("a", 100).containsEntry("b", 100);
        assignment.clear();
        // Half of a: 70 % of its weight.
        locality("a", 0, 1, 2, 2).locality("b", 0, 1, 4, 0);
        assertThat(countByZone(1700)).containsEntry("a", 700).containsEntry("b", 1000);
    }

    @Test
    void theFirstPriorityTakesAllUntilItCannotCarryIt() {
        assertThat(Priorities.of(new int[] {8, 5}, new int[] {10, 5}, 140).loads())
                .containsExactly(100, 0);
        assertThat(Priorities.of(new int[] {5, 5}, new int[] {10, 5}, 140).loads())
                .containsExactly(70, 30);
        assertThat(Priorities.of(new int[] {0, 5}, new int[] {10, 5}, 140).loads())
                .containsExactly(0, 100);
        // Together they cannot: each gets its part of what there is.
        assertThat(Priorities.of(new int[] {1, 2}, new int[] {10, 10}, 140).loads())
                .containsExactly(34, 66);
        assertThat(Priorities.of(new int[] {8, 5}, new int[] {10, 5}, 100).loads())
                .containsExactly(80, 20);
        assertThat(Priorities.of(new int[] {0, 0}, new int[] {3, 1}, 140).loads())
                .containsExactly(75, 25);
    }

    @Test
    void aPriorityDoesNotPanicWhileOthersCarryItsTraffic() throws ConfigRejected {
        locality("a", 0, 0, 1, 3).locality("b", 1, 0, 4, 0);
        var chosen = choose(1000);
        assertThat(chosen.stream().filter(name -> name.startsWith("a")).distinct())
                .containsExactly("a0");
        assertThat(chosen.stream().filter("a0"::equals).count()).isBetween(300L, 400L); // 35 %
    }

    @Test
    void belowThePanicThresholdAllHostsAreUsed() throws ConfigRejected {
        locality("a", 0, 0, 1, 3);
        assertThat(choose(100)).contains("a0", "a1", "a2", "a3");
        proto.getCommonLbConfigBuilder().getHealthyPanicThresholdBuilder().setValue(0);
        assertThat(choose(100)).containsOnly("a0");
    }

    @Test
    void atThePanicThresholdOnlyHealthyOnesAre() throws ConfigRejected {
        locality("a", 0, 0, 2, 2);
        assertThat(choose(100)).containsOnly("a0", "a1");
    }

    @Test
    void withoutHostsThereIsNoChoice() throws ConfigRejected {
        assertThat(choose(1)).containsExactly("none");
    }
}
