package dev.mesh.proxy.boot;

import static dev.mesh.proxy.boot.DynamicProxy.edsCluster;
import static dev.mesh.proxy.boot.DynamicProxy.endpoint;
import static dev.mesh.proxy.boot.DynamicProxy.listener;
import static dev.mesh.proxy.boot.DynamicProxy.routes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.admin.AdminView;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.AggregatedConfigSource;
import io.envoyproxy.envoy.config.core.v3.ConfigSource;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.Vhds;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// A control plane that says where its pushes end: each goes into effect whole, when what it needs is there.
@org.jspecify.annotations.NullUnmarked
class PushTest extends UnderControlPlane {
    @BeforeEach
    void start() throws Exception {
        plane.begin("p1");
        startProxy("DELTA_GRPC");
        await().until(() -> inEffect().equals("p1"));
        plane.forget();
    }

    private String inEffect() {
        return proxy.process().loader().pushInEffect();
    }

    private void awaitAnswered(XdsType type) {
        await().until(() -> plane.deltaRequests(type).stream()
                .anyMatch(request -> !request.getResponseNonce().isEmpty()));
    }

    @Test
    void nothingChangesBeforeThePushEnds() {
        plane.begin("p2");
        plane.put(XdsType.ENDPOINT, "a", endpoint("a", two.port())).publish(XdsType.ENDPOINT);
        awaitAnswered(XdsType.ENDPOINT);
        assertThat(proxy.get("front", "/")).endsWith("one");
        assertThat(inEffect()).isEqualTo("p1");
        plane.commit();
        awaitAnswer("front", "two");
        assertThat(inEffect()).isEqualTo("p2");
    }

    @Test
    void waitsForTheEndpointsOfANewCluster() {
        plane.hold(XdsType.ENDPOINT);
        plane.begin("p2");
        plane.put(XdsType.CLUSTER, "b", edsCluster("b"))
                .put(XdsType.ENDPOINT, "b", endpoint("b", two.port()))
                .put(XdsType.ROUTE, "routes", routes("routes", "b"))
                .remove(XdsType.CLUSTER, "a");
        plane.publish(XdsType.CLUSTER);
        plane.publish(XdsType.ROUTE);
        plane.commit();
        await().until(() -> plane.deltaRequests(XdsType.ENDPOINT).stream()
                .anyMatch(request -> request.getResourceNamesSubscribeList().contains("b")));
        assertThat(proxy.get("front", "/")).endsWith("one");
        assertThat(inEffect()).isEqualTo("p1");
        plane.release(XdsType.ENDPOINT);
        awaitAnswer("front", "two");
        assertThat(inEffect()).isEqualTo("p2");
        await().until(() -> proxy.process().loader().clusters().cluster("a") == null);
    }

    @Test
    void isLiveWhenItsFirstListenersServe() throws Exception {
        var fresh = new FakeControlPlane()
                .put(XdsType.CLUSTER, "a", edsCluster("a"))
                .put(XdsType.ENDPOINT, "a", endpoint("a", one.port()))
                .put(XdsType.LISTENER, "front", listener("front", "routes"))
                .put(XdsType.ROUTE, "routes", routes("routes", "a"));
        fresh.hold(XdsType.ROUTE);
        fresh.begin("p1");
        try (var late = new DynamicProxy(fresh.port(), "DELTA_GRPC", loops)) {
            await().until(() -> fresh.deltaRequests(XdsType.ROUTE).stream()
                    .anyMatch(request -> request.getResourceNamesSubscribeList().contains("routes")));
            assertThat(late.process().state()).isEqualTo(AdminView.State.PRE_INITIALIZING);
            assertThat(late.listens("front")).isFalse();

            fresh.release(XdsType.ROUTE);
            await().until(() -> late.process().state() == AdminView.State.LIVE);
            assertThat(late.get("front", "/")).endsWith("one");
        } finally {
            fresh.close();
        }
    }

    @Test
    void waitsForTheRoutesOfANewListener() {
        plane.hold(XdsType.ROUTE);
        plane.begin("p2");
        plane.put(XdsType.LISTENER, "second", listener("second", "more"))
                .put(XdsType.ROUTE, "more", routes("more", "a"));
        plane.publish(XdsType.LISTENER);
        plane.commit();
        await().until(() -> plane.deltaRequests(XdsType.ROUTE).stream()
                .anyMatch(request -> request.getResourceNamesSubscribeList().contains("more")));
        assertThat(proxy.listens("second")).isFalse();
        assertThat(inEffect()).isEqualTo("p1");
        plane.release(XdsType.ROUTE);
        awaitAnswer("second", "one");
        assertThat(inEffect()).isEqualTo("p2");
    }

    @Test
    void aSecondPushThatComesMeanwhileJoinsTheFirst() {
        plane.hold(XdsType.ENDPOINT);
        plane.begin("p2");
        plane.put(XdsType.CLUSTER, "b", edsCluster("b"))
                .put(XdsType.ENDPOINT, "b", endpoint("b", two.port()))
                .put(XdsType.ROUTE, "routes", routes("routes", "b"));
        plane.publish(XdsType.CLUSTER);
        plane.publish(XdsType.ROUTE);
        plane.commit();
        plane.begin("p3");
        plane.put(XdsType.LISTENER, "second", listener("second", "routes")).publish(XdsType.LISTENER);
        plane.commit();
        awaitAnswered(XdsType.LISTENER);
        assertThat(proxy.listens("second")).isFalse();
        plane.release(XdsType.ENDPOINT);
        awaitAnswer("second", "two");
        assertThat(inEffect()).isEqualTo("p3");
    }

    @Test
    void aRefusedMemberKeepsItsLastGoodVersionAndTheRestGoesOn() {
        plane.begin("p2");
        plane.put(
                        XdsType.LISTENER,
                        "front",
                        listener("front", "routes", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"))
                .put(XdsType.ENDPOINT, "a", endpoint("a", two.port()));
        plane.publish(XdsType.LISTENER);
        plane.publish(XdsType.ENDPOINT);
        plane.commit();
        awaitAnswer("front", "two");
        assertThat(plane.deltaRequests(XdsType.LISTENER))
                .anyMatch(request -> request.getErrorDetail().getMessage().contains("tcp_proxy"));
        assertThat(inEffect()).isEqualTo("p2");
    }

    @Test
    void aRouteThatNamesARefusedClusterStaysAsItWas() {
        plane.begin("p2");
        plane.put(
                        XdsType.CLUSTER,
                        "bad",
                        Cluster.newBuilder()
                                .setName("bad")
                                .setType(Cluster.DiscoveryType.LOGICAL_DNS)
                                .build())
                .put(XdsType.ROUTE, "routes", routes("routes", "bad"))
                .put(XdsType.LISTENER, "second", listener("second", "more"))
                .put(XdsType.ROUTE, "more", routes("more", "a"));
        plane.publish(XdsType.CLUSTER);
        plane.publish(XdsType.LISTENER);
        plane.publish(XdsType.ROUTE);
        plane.commit();
        awaitAnswer("second", "one");
        assertThat(proxy.get("front", "/")).endsWith("one");
        assertThat(proxy.process().loader().dump())
                .anyMatch(entry -> entry.name().equals("routes")
                        && entry.error().contains("names cluster \"bad\", which was refused"));
    }

    @Test
    void whatWasAcceptedOnALostStreamGoesIntoEffect() {
        plane.begin("p2");
        plane.put(XdsType.ENDPOINT, "a", endpoint("a", two.port())).publish(XdsType.ENDPOINT);
        awaitAnswered(XdsType.ENDPOINT);
        assertThat(proxy.get("front", "/")).endsWith("one");
        plane.drop();
        awaitAnswer("front", "two");
    }

    @Test
    void aDomainMovesFromOneVirtualHostToAnother() {
        plane.begin("p2");
        plane.put(
                XdsType.ROUTE,
                "routes",
                RouteConfiguration.newBuilder()
                        .setName("routes")
                        .setVhds(Vhds.newBuilder()
                                .setConfigSource(
                                        ConfigSource.newBuilder().setAds(AggregatedConfigSource.getDefaultInstance())))
                        .build());
        plane.put(XdsType.VIRTUAL_HOST, "routes/x", host("routes/x", "a")).publish(XdsType.ROUTE);
        plane.commit();
        await().until(() -> !plane.deltaRequests(XdsType.VIRTUAL_HOST).isEmpty());
        awaitAnswer("front", "one");
        plane.begin("p3");
        plane.put(XdsType.CLUSTER, "b", edsCluster("b")).put(XdsType.ENDPOINT, "b", endpoint("b", two.port()));
        plane.remove(XdsType.VIRTUAL_HOST, "routes/x").put(XdsType.VIRTUAL_HOST, "routes/y", host("routes/y", "b"));
        plane.publish(XdsType.CLUSTER);
        plane.publish(XdsType.VIRTUAL_HOST);
        assertThat(proxy.get("front", "/")).endsWith("one");
        plane.commit();
        awaitAnswer("front", "two");
        assertThat(plane.deltaRequests(XdsType.VIRTUAL_HOST)).noneMatch(request -> request.hasErrorDetail());
    }

    private static VirtualHost host(String name, String cluster) {
        return routes("r", cluster).getVirtualHosts(0).toBuilder().setName(name).build();
    }
}
