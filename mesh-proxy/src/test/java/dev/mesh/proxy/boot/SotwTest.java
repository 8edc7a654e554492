package dev.mesh.proxy.boot;

import static dev.mesh.proxy.boot.DynamicProxy.edsCluster;
import static dev.mesh.proxy.boot.DynamicProxy.endpoint;
import static dev.mesh.proxy.boot.DynamicProxy.listener;
import static dev.mesh.proxy.boot.DynamicProxy.routes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.xds.XdsType;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// A proxy that takes its configuration by ADS in the state-of-the-world dialect, and the client's rules of the
/// xDS protocol.
@org.jspecify.annotations.NullUnmarked
class SotwTest extends UnderControlPlane {
    @BeforeEach
    void start() throws Exception {
        startProxy("GRPC");
    }

    private void awaitAnswer(String end) {
        awaitAnswer("front", end);
    }

    @Test
    void asksForEverythingOfClustersAndListenersAndByNameForTheRest() {
        await().untilAsserted(() -> assertThat(plane.requests(XdsType.ROUTE)).hasSize(2));
        var clusters = plane.requests(XdsType.CLUSTER);
        assertThat(clusters.getFirst().getNode().getId()).isEqualTo("test-node");
        assertThat(clusters.getFirst().getVersionInfo()).isEmpty();
        assertThat(clusters.getFirst().getResponseNonce()).isEmpty();
        assertThat(clusters).allMatch(request -> request.getResourceNamesCount() == 0);
        assertThat(plane.requests(XdsType.LISTENER)).allMatch(request -> request.getResourceNamesCount() == 0);
        assertThat(plane.requests(XdsType.ENDPOINT))
                .allMatch(request -> request.getResourceNamesList().equals(List.of("a")));
        assertThat(plane.requests(XdsType.ROUTE))
                .allMatch(request -> request.getResourceNamesList().equals(List.of("routes")));
        // What goes only to servers that can use it is not announced here.
        assertThat(clusters.getFirst().getNode().getClientFeaturesList()).doesNotContain("mesh.push_commit");
    }

    @Test
    void acknowledgesEachResponseOnceWithItsVersionAndNonce() {
        await().untilAsserted(() -> assertThat(plane.requests(XdsType.CLUSTER)).hasSize(2));
        var ack = plane.requests(XdsType.CLUSTER).getLast();
        assertThat(ack.getVersionInfo()).isEqualTo("1");
        assertThat(ack.getResponseNonce()).isNotEmpty();
        assertThat(ack.hasErrorDetail()).isFalse();
        assertThat(ack.hasNode()).isFalse();
    }

    @Test
    void whatIsAbsentOfClustersAndListenersIsGone() {
        plane.put(XdsType.CLUSTER, "b", edsCluster("b"))
                .put(XdsType.ENDPOINT, "b", endpoint("b", two.port()))
                .put(XdsType.LISTENER, "second", listener("second", "more"))
                .put(XdsType.ROUTE, "more", routes("more", "b"));
        plane.publish(XdsType.CLUSTER);
        plane.publish(XdsType.LISTENER);
        await().untilAsserted(() -> assertThat(proxy.get("second", "/")).endsWith("two"));
        plane.remove(XdsType.LISTENER, "second").publish(XdsType.LISTENER);
        await().untilAsserted(() -> assertThat(proxy.listens("second")).isFalse());
        plane.remove(XdsType.CLUSTER, "b").publish(XdsType.CLUSTER);
        await().untilAsserted(() -> assertThat(
                        plane.requests(XdsType.ENDPOINT).getLast().getResourceNamesList())
                .containsExactly("a"));
        assertThat(plane.requests(XdsType.ROUTE).getLast().getResourceNamesList())
                .containsExactly("routes");
        awaitAnswer("one");
    }

    @Test
    void otherTypesMayComeInParts() {
        plane.put(XdsType.LISTENER, "second", listener("second", "more"))
                .put(XdsType.ROUTE, "more", routes("more", "a"));
        plane.publish(XdsType.LISTENER);
        await().untilAsserted(() -> assertThat(proxy.get("second", "/")).endsWith("one"));
        plane.remove(XdsType.ROUTE, "more").publish(XdsType.ROUTE);
        await().untilAsserted(
                        () -> assertThat(plane.requests(XdsType.ROUTE).getLast().getVersionInfo())
                                .isEqualTo("2"));
        assertThat(proxy.get("second", "/")).endsWith("one");
    }

    @Test
    void newNamesAreAskedForWithTheNewestNonceAndTheLastVersion() {
        plane.put(XdsType.CLUSTER, "b", edsCluster("b")).put(XdsType.ENDPOINT, "b", endpoint("b", two.port()));
        plane.forget();
        plane.publish(XdsType.CLUSTER);
        await().untilAsserted(() -> assertThat(plane.requests(XdsType.ENDPOINT)).hasSizeGreaterThanOrEqualTo(2));
        var asked = plane.requests(XdsType.ENDPOINT).getFirst();
        assertThat(asked.getResourceNamesList()).containsExactly("a", "b");
        assertThat(asked.getVersionInfo()).isEqualTo("1");
        assertThat(asked.getResponseNonce()).isNotEmpty();
        plane.put(XdsType.ROUTE, "routes", routes("routes", "b")).publish(XdsType.ROUTE);
        awaitAnswer("two");
    }

    @Test
    void refusesWithEveryReasonKeepsTheLastGoodAndTakesTheRest() {
        plane.put(
                        XdsType.LISTENER,
                        "front",
                        listener("front", "routes", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"))
                .put(
                        XdsType.LISTENER,
                        "worse",
                        listener("worse", "routes", "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"))
                .put(XdsType.LISTENER, "good", listener("good", "routes"));
        plane.forget();
        plane.publish(XdsType.LISTENER);
        await().untilAsserted(() -> assertThat(plane.requests(XdsType.LISTENER)).hasSize(1));
        var nack = plane.requests(XdsType.LISTENER).getFirst();
        assertThat(nack.getVersionInfo()).isEqualTo("1");
        assertThat(nack.getResponseNonce()).isNotEmpty();
        assertThat(nack.getErrorDetail().getMessage())
                .contains(
                        "front: ",
                        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                        "worse: ",
                        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector");
        await().untilAsserted(() -> assertThat(proxy.get("good", "/")).endsWith("one"));
        awaitAnswer("one");
        assertThat(proxy.listens("worse")).isFalse();
        plane.put(XdsType.LISTENER, "front", listener("front", "routes"))
                .remove(XdsType.LISTENER, "worse")
                .publish(XdsType.LISTENER);
        await().untilAsserted(() -> assertThat(
                        plane.requests(XdsType.LISTENER).getLast().getVersionInfo())
                .isEqualTo("3"));
        assertThat(plane.requests(XdsType.LISTENER).getLast().hasErrorDetail()).isFalse();
    }

    @Test
    void anotherTypeInAResponseIsRefusedAndNothingCountsAsAbsent() {
        plane.put(XdsType.CLUSTER, "z", routes("z", "a"));
        plane.forget();
        plane.publish(XdsType.CLUSTER);
        await().untilAsserted(() -> assertThat(plane.requests(XdsType.CLUSTER)).hasSize(1));
        assertThat(plane.requests(XdsType.CLUSTER).getFirst().getErrorDetail().getMessage())
                .contains("RouteConfiguration\" (expected: type.googleapis.com/envoy.config.cluster.v3.Cluster)");
        awaitAnswer("one");
    }

    @Test
    void aNameThatStandsTwiceIsRefused() {
        plane.put(XdsType.CLUSTER, "a-again", edsCluster("a"));
        plane.forget();
        plane.publish(XdsType.CLUSTER);
        await().untilAsserted(() -> assertThat(plane.requests(XdsType.CLUSTER)).hasSize(1));
        assertThat(plane.requests(XdsType.CLUSTER).getFirst().getErrorDetail().getMessage())
                .contains("CDS a: stands twice");
    }

    @Test
    void aNewStreamBeginsWithTheLastVersionsAndNoNonceAndTrafficGoesOn() {
        plane.publish(XdsType.CLUSTER);
        await().untilAsserted(() -> assertThat(
                        plane.requests(XdsType.CLUSTER).getLast().getVersionInfo())
                .isEqualTo("2"));
        plane.forget();
        plane.drop();
        assertThat(proxy.get("front", "/")).endsWith("one");
        await().untilAsserted(() -> assertThat(plane.requests(XdsType.ROUTE)).isNotEmpty());
        assertThat(plane.streams()).isEqualTo(2);
        var clusters = plane.requests(XdsType.CLUSTER).getFirst();
        assertThat(clusters.getVersionInfo()).isEqualTo("2");
        assertThat(clusters.getResponseNonce()).isEmpty();
        assertThat(clusters.getNode().getId()).isEqualTo("test-node");
        assertThat(plane.requests(XdsType.ENDPOINT).getFirst().getResourceNamesList())
                .containsExactly("a");
        assertThat(plane.requests(XdsType.ROUTE).getFirst().getVersionInfo()).isEqualTo("1");
        plane.put(XdsType.ENDPOINT, "a", endpoint("a", two.port())).publish(XdsType.ENDPOINT);
        awaitAnswer("two");
    }

    @Test
    void aRefusedClusterThatGoesIsForgotten() {
        plane.put(
                XdsType.CLUSTER,
                "bad",
                Cluster.newBuilder()
                        .setName("bad")
                        .setType(Cluster.DiscoveryType.LOGICAL_DNS)
                        .build());
        plane.publish(XdsType.CLUSTER);
        await().untilAsserted(() -> assertThat(
                        plane.requests(XdsType.CLUSTER).getLast().hasErrorDetail())
                .isTrue());
        plane.remove(XdsType.CLUSTER, "bad").publish(XdsType.CLUSTER);
        await().untilAsserted(() -> assertThat(
                        plane.requests(XdsType.CLUSTER).getLast().getVersionInfo())
                .isEqualTo("3"));
        assertThat(proxy.process().loader().dump())
                .noneMatch(entry -> entry.name().equals("bad"));
    }
}
