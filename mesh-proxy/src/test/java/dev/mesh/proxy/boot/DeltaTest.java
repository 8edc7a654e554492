package dev.mesh.proxy.boot;

import static dev.mesh.proxy.boot.DynamicProxy.edsCluster;
import static dev.mesh.proxy.boot.DynamicProxy.endpoint;
import static dev.mesh.proxy.boot.DynamicProxy.listener;
import static dev.mesh.proxy.boot.DynamicProxy.routes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.xds.XdsType;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// A proxy that takes its configuration by incremental ADS from a control plane that is not ours.
@org.jspecify.annotations.NullUnmarked
class DeltaTest extends UnderControlPlane {
    @BeforeEach
    void start() throws Exception {
        startProxy("DELTA_GRPC");
    }

    private void awaitAnswer(String end) {
        awaitAnswer("front", end);
    }

    @Test
    void changesCountAtOnceWhereNoPushIsCommitted() {
        plane.put(XdsType.ENDPOINT, "a", endpoint("a", two.port())).publish(XdsType.ENDPOINT);
        awaitAnswer("two");
    }

    @Test
    void namesComeAndGoOneByOne() {
        plane.put(XdsType.CLUSTER, "b", edsCluster("b")).put(XdsType.ENDPOINT, "b", endpoint("b", two.port()));
        plane.forget();
        plane.publish(XdsType.CLUSTER);
        await().untilAsserted(
                        () -> assertThat(plane.deltaRequests(XdsType.ENDPOINT)).isNotEmpty());
        var asked = plane.deltaRequests(XdsType.ENDPOINT).getFirst();
        assertThat(asked.getResourceNamesSubscribeList()).containsExactly("b");
        assertThat(asked.getResponseNonce()).isEmpty();
        plane.forget();
        plane.remove(XdsType.CLUSTER, "b").publish(XdsType.CLUSTER);
        await().untilAsserted(() -> assertThat(plane.deltaRequests(XdsType.ENDPOINT))
                .anyMatch(request -> request.getResourceNamesUnsubscribeList().contains("b")));
    }

    @Test
    void aNewStreamBeginsWithWhatIsKnown() {
        await().untilAsserted(
                        () -> assertThat(plane.deltaRequests(XdsType.ROUTE)).hasSize(2));
        plane.forget();
        plane.drop();
        assertThat(proxy.get("front", "/")).endsWith("one");
        await().untilAsserted(
                        () -> assertThat(plane.deltaRequests(XdsType.ROUTE)).isNotEmpty());
        assertThat(plane.deltaRequests(XdsType.CLUSTER).getFirst().getInitialResourceVersionsMap())
                .isEqualTo(Map.of("a", "1"));
        var routes = plane.deltaRequests(XdsType.ROUTE).getFirst();
        assertThat(routes.getInitialResourceVersionsMap()).isEqualTo(Map.of("routes", "1"));
        assertThat(routes.getResourceNamesSubscribeList()).containsExactly("routes");
    }

    @Test
    void aRefusedResourceIsNotClaimedOnTheNextStream() {
        plane.put(
                        XdsType.LISTENER,
                        "bad",
                        listener("bad", "routes", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"))
                .publish(XdsType.LISTENER);
        await().untilAsserted(() -> assertThat(plane.deltaRequests(XdsType.LISTENER))
                .anyMatch(request -> request.getErrorDetail()
                        .getMessage()
                        .contains("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy")));
        plane.forget();
        plane.drop();
        await().untilAsserted(
                        () -> assertThat(plane.deltaRequests(XdsType.LISTENER)).isNotEmpty());
        assertThat(plane.deltaRequests(XdsType.LISTENER).getFirst().getInitialResourceVersionsMap())
                .containsOnlyKeys("front");
        awaitAnswer("one");
    }
}
