package dev.mesh.proxy.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.tls.FileSecrets;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.cluster.v3.OutlierDetection;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Which hosts are ejected, for how long, and what is counted: the rules and defaults of Envoy's "Outlier detection".
class OutlierDetectorTest {
    private final OutlierDetection.Builder proto = OutlierDetection.newBuilder();
    private final StatsStore stats = new StatsStore();
    private final AtomicLong now = new AtomicLong(1);
    private List<LiveHost> hosts = List.of();

    private OutlierDetector detector(int count) throws ConfigRejected {
        proto.getMaxEjectionPercentBuilder().setValue(100);
        return usual(count);
    }

    private OutlierDetector usual(int count) throws ConfigRejected {
        OutlierPolicy policy = new ClusterReader(new StatsStore(), new FileSecrets())
                .read(Cluster.newBuilder()
                        .setName("c")
                        .setOutlierDetection(proto)
                        .build())
                .outliers();
        assertThat(policy).isNotNull();
        var detector = new OutlierDetector(policy, () -> hosts, now::get, new Random(7), stats);
        hosts = IntStream.rangeClosed(1, count)
                .mapToObj(port -> new LiveHost(
                        new HostSpec(new InetSocketAddress("127.0.0.1", port), "", "", 0, 1, 1, true, Map.of()),
                        detector))
                .toList();
        return detector;
    }

    // Failures come apart, so that there are never two in a row as long as there are as many successes.
    private void answers(int host, int successes, int failures) {
        for (int i = 0; i < Math.max(successes, failures); i++) {
            if (i < failures) {
                hosts.get(host).report(new Host.Outcome.Status(500));
            }
            if (i < successes) {
                hosts.get(host).report(new Host.Outcome.Status(200));
            }
        }
    }

    private void connections(int host, int successes, int failures) {
        for (int i = 0; i < Math.max(successes, failures); i++) {
            if (i < failures) {
                hosts.get(host).report(new Host.Outcome.ConnectFailure());
            }
            if (i < successes) {
                hosts.get(host).report(new Host.Outcome.ConnectSuccess());
            }
        }
    }

    private void sweep(OutlierDetector detector, int seconds) {
        now.addAndGet(Duration.ofSeconds(seconds).toNanos());
        detector.sweep();
    }

    private List<Integer> ejected() {
        return IntStream.range(0, hosts.size())
                .filter(i -> !hosts.get(i).healthy())
                .boxed()
                .toList();
    }

    private long count(String name) {
        return stats.child("outlier_detection").counter(name).value();
    }

    @Test
    void aHostFarBelowTheOthersIsEjectedUnlessAskedOtherwise() throws ConfigRejected {
        var detector = detector(5);
        answers(0, 50, 50);
        IntStream.range(1, 5).forEach(host -> answers(host, 100, 0));
        assertThat(ejected()).isEmpty();
        sweep(detector, 10);
        assertThat(ejected()).containsExactly(0);
        assertThat(count("ejections_detected_success_rate")).isEqualTo(1);
        assertThat(count("ejections_enforced_success_rate")).isEqualTo(1);
        assertThat(count("ejections_enforced_total")).isEqualTo(1);
        assertThat(detector.successRates()).isEqualTo(new SuccessRates(90, 52));
        assertThat(detector.localOriginSuccessRates()).isEqualTo(SuccessRates.NONE);
        assertThat(hosts).extracting(LiveHost::successRate).containsExactly(50.0, 100.0, 100.0, 100.0, 100.0);
    }

    @Test
    void anIntervalStandsForItself() throws ConfigRejected {
        var detector = detector(5);
        answers(0, 50, 49);
        IntStream.range(1, 5).forEach(host -> answers(host, 100, 0));
        sweep(detector, 10);
        // One request too few to be compared, and the others are too few then.
        assertThat(ejected()).isEmpty();
        assertThat(detector.successRates()).isEqualTo(SuccessRates.NONE);
        answers(0, 50, 49);
        sweep(detector, 10);
        assertThat(ejected()).isEmpty();
        assertThat(hosts.get(1).successRate()).isEqualTo(-1);
    }

    @Test
    void aHostNearTheOthersStays() throws ConfigRejected {
        var detector = detector(5);
        IntStream.range(0, 5).forEach(host -> answers(host, 100, 10 * host));
        sweep(detector, 10);
        assertThat(ejected()).isEmpty();
        assertThat(count("ejections_detected_success_rate")).isZero();
    }

    @Test
    void theFactorHostsAndVolumeOfSuccessRatesAreTheClusters() throws ConfigRejected {
        proto.getSuccessRateMinimumHostsBuilder().setValue(3);
        proto.getSuccessRateRequestVolumeBuilder().setValue(10);
        proto.getSuccessRateStdevFactorBuilder().setValue(1000);
        var detector = detector(3);
        answers(0, 9, 1);
        IntStream.range(1, 3).forEach(host -> answers(host, 10, 0));
        sweep(detector, 10);
        assertThat(ejected()).containsExactly(0);
    }

    @Test
    void whatIsNotEnforcedIsCounted() throws ConfigRejected {
        proto.getEnforcingSuccessRateBuilder().setValue(0);
        var detector = detector(5);
        answers(0, 50, 50);
        IntStream.range(1, 5).forEach(host -> answers(host, 100, 0));
        sweep(detector, 10);
        assertThat(ejected()).isEmpty();
        assertThat(count("ejections_detected_success_rate")).isEqualTo(1);
        assertThat(count("ejections_enforced_total")).isZero();
        IntStream.range(0, 5).forEach(any -> hosts.get(1).report(new Host.Outcome.Status(503)));
        assertThat(count("ejections_detected_consecutive_gateway_failure")).isEqualTo(1);
        assertThat(count("ejections_enforced_consecutive_gateway_failure")).isZero();
        assertThat(count("ejections_enforced_consecutive_5xx")).isEqualTo(1);
    }

    @Test
    void failurePercentagesCountWhereTheClusterSaysSo() throws ConfigRejected {
        var off = detector(5);
        IntStream.range(0, 5).forEach(host -> answers(host, 50, 49));
        proto.getFailurePercentageThresholdBuilder().setValue(49);
        sweep(off, 10);
        assertThat(count("ejections_detected_failure_percentage")).isZero();
        proto.getEnforcingFailurePercentageBuilder().setValue(100);
        proto.getEnforcingSuccessRateBuilder().setValue(0);
        var on = detector(5);
        IntStream.range(0, 5).forEach(host -> answers(host, 50, host < 2 ? 50 : 40));
        sweep(on, 10);
        assertThat(ejected()).containsExactly(0, 1);
        assertThat(count("ejections_enforced_failure_percentage")).isEqualTo(2);
    }

    @Test
    void connectingCountsApartWhereTheClusterSaysSo() throws ConfigRejected {
        proto.setSplitExternalLocalOriginErrors(true);
        var detector = detector(5);
        connections(0, 50, 50);
        IntStream.range(1, 5).forEach(host -> connections(host, 100, 0));
        IntStream.range(0, 5).forEach(host -> answers(host, 100, 0));
        sweep(detector, 10);
        assertThat(ejected()).containsExactly(0);
        assertThat(count("ejections_enforced_local_origin_success_rate")).isEqualTo(1);
        assertThat(detector.localOriginSuccessRates()).isEqualTo(new SuccessRates(90, 52));
        assertThat(detector.successRates()).isEqualTo(new SuccessRates(100, 100));
        assertThat(hosts.get(0).localOriginSuccessRate()).isEqualTo(50);
    }

    @Test
    void answersDoNotMakeUpForConnectionsThatFail() throws ConfigRejected {
        proto.setSplitExternalLocalOriginErrors(true);
        detector(2);
        for (int i = 0; i < 5; i++) {
            hosts.get(0).report(new Host.Outcome.ConnectFailure());
            hosts.get(0).report(new Host.Outcome.Status(200));
        }
        assertThat(ejected()).containsExactly(0);
        assertThat(count("ejections_enforced_consecutive_local_origin_failure")).isEqualTo(1);
    }

    @Test
    void aConnectionIsASuccessWhereNothingElseWillBeTold() throws ConfigRejected {
        detector(2);
        for (int i = 0; i < 20; i++) {
            hosts.get(0).report(new Host.Outcome.ConnectFailure());
            if (i % 4 == 3) {
                hosts.get(0).report(new Host.Outcome.ConnectSuccessFinal());
            }
        }
        assertThat(ejected()).isEmpty();
        for (int i = 0; i < 5; i++) {
            hosts.get(0).report(new Host.Outcome.ConnectFailure());
            hosts.get(0).report(new Host.Outcome.ConnectSuccess());
        }
        assertThat(ejected()).containsExactly(0);
    }

    @Test
    void aTenthOfTheHostsIsEjectedAtMost() throws ConfigRejected {
        var detector = usual(10);
        for (int host = 0; host < 2; host++) {
            for (int i = 0; i < 5; i++) {
                hosts.get(host).report(new Host.Outcome.Status(500));
            }
        }
        assertThat(ejected()).containsExactly(0);
        assertThat(count("ejections_overflow")).isEqualTo(1);
        assertThat(stats.child("outlier_detection").gauge("ejections_active").value())
                .isEqualTo(1);
        hosts.get(0).remove();
        assertThat(stats.child("outlier_detection").gauge("ejections_active").value())
                .isZero();
        usual(9);
        for (int i = 0; i < 5; i++) {
            hosts.get(0).report(new Host.Outcome.Status(500));
        }
        assertThat(ejected()).isEmpty();
        assertThat(detector).isNotNull();
    }

    @Test
    void eachEjectionIsLongerAndIsForgivenByAnInterval() throws ConfigRejected {
        proto.getMaxEjectionTimeBuilder().setSeconds(70);
        var detector = detector(2);
        assertThat(IntStream.range(0, 5).map(any -> ejection(detector)).toArray())
                .containsExactly(30, 60, 70, 70, 70);
        // Four times the base is the most that is remembered, for three times is less than base and longest together.
        IntStream.range(0, 3).forEach(any -> sweep(detector, 10));
        assertThat(ejection(detector)).isEqualTo(60);
    }

    // In seconds.
    private int ejection(OutlierDetector detector) {
        for (int i = 0; i < 5; i++) {
            hosts.get(0).report(new Host.Outcome.Status(500));
        }
        assertThat(ejected()).containsExactly(0);
        int seconds = 0;
        while (!hosts.get(0).healthy()) {
            seconds += 10;
            sweep(detector, 10);
        }
        return seconds;
    }

    @Test
    void jitterMakesAnEjectionLonger() throws ConfigRejected {
        proto.getMaxEjectionTimeJitterBuilder().setSeconds(1_000_000);
        var detector = detector(2);
        assertThat(ejection(detector)).isGreaterThan(30);
    }
}
