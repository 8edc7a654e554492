package dev.mesh.proxy.boot;

import static dev.mesh.proxy.boot.DynamicProxy.edsCluster;
import static dev.mesh.proxy.boot.DynamicProxy.endpoint;
import static dev.mesh.proxy.boot.DynamicProxy.listener;
import static dev.mesh.proxy.boot.DynamicProxy.routes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/// Tests of a proxy that takes its configuration from a control plane that is not ours: listener `front` leads by
/// `routes` and cluster `a` to the first of two upstreams.
@org.jspecify.annotations.NullUnmarked
abstract class UnderControlPlane {
    static Loops loops;
    ScriptedUpstream one;
    ScriptedUpstream two;
    FakeControlPlane plane;
    DynamicProxy proxy;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    @BeforeEach
    void preparePlane() throws IOException {
        one = ScriptedUpstream.answering("one");
        two = ScriptedUpstream.answering("two");
        plane = new FakeControlPlane()
                .put(XdsType.CLUSTER, "a", edsCluster("a"))
                .put(XdsType.ENDPOINT, "a", endpoint("a", one.port()))
                .put(XdsType.LISTENER, "front", listener("front", "routes"))
                .put(XdsType.ROUTE, "routes", routes("routes", "a"));
    }

    /// @param apiType `GRPC` or `DELTA_GRPC`
    void startProxy(String apiType) throws ConfigRejected {
        proxy = new DynamicProxy(plane.port(), apiType, loops);
        awaitAnswer("front", "one");
    }

    @AfterEach
    void stopAll() throws IOException {
        proxy.close();
        plane.close();
        one.close();
        two.close();
    }

    void awaitAnswer(String listener, String end) {
        await().untilAsserted(() -> assertThat(proxy.get(listener, "/")).endsWith("\r\n\r\n" + end));
    }
}
