package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.io.Loops;
import java.util.TreeMap;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What is believed and said of who sent a request. The expectations are what real Envoy 1.40 sends on for the
/// same configuration and request, but for `x-forwarded-for` of a loopback peer, where Envoy puts the address
/// of its own node.
@NullUnmarked
class ForwardedHeadersTest {
    private static final String EDGE = "use_remote_address: true";
    private static final String LOOPBACK_IS_INTERNAL =
            "internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}";
    private static final String CHAIN = "x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3";

    private static Loops loops;
    private ScriptedUpstream upstream;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    @BeforeEach
    void start() throws Exception {
        upstream = new ScriptedUpstream(peer -> {
            while (true) {
                String head = peer.readHead();
                peer.write("HTTP/1.1 200 OK\r\ncontent-length: " + head.length() + "\r\n\r\n" + head);
            }
        });
    }

    @AfterEach
    void stop() throws Exception {
        upstream.close();
    }

    private String answer(String hcm, String target) throws Exception {
        try (var proxy =
                        LiveProxy.with().hcm(hcm).cluster("up", upstream.port()).start(loops);
                var client = proxy.connect()) {
            client.write("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            return client.readAll();
        }
    }

    /// Name → value of the headers that reached the upstream; `x-see` holds scheme, client and peer.
    private TreeMap<String, String> sent(String hcm, String target, String... headers) throws Exception {
        try (var proxy = LiveProxy.with()
                        .hcm(hcm.isEmpty() ? new String[0] : hcm.split(";"))
                        .route(
                                "{match: {prefix: /}, route: {cluster: up}, request_headers_to_add: [{header: {key: x-see, "
                                        + "value: \"%REQ(:SCHEME)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% "
                                        + "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%\"}}]}")
                        .cluster("up", upstream.port())
                        .start(loops);
                var client = proxy.connect()) {
            var request = new StringBuilder("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
            for (String header : headers) {
                request.append(header).append("\r\n");
            }
            client.write(request + "\r\n");
            client.readHead();
            var seen = new TreeMap<String, String>();
            for (String line : client.readAll().split("\r\n", -1)) {
                int colon = line.indexOf(": ");
                if (colon > 0) {
                    seen.put(line.substring(0, colon), line.substring(colon + 2));
                }
            }
            return seen;
        }
    }

    @Test
    void withoutUseRemoteAddressTheLastHopIsTheClient() throws Exception {
        assertThat(sent("", "/"))
                .containsEntry("x-see", "http 127.0.0.1 127.0.0.1")
                .containsEntry("x-forwarded-proto", "http")
                .doesNotContainKeys("x-forwarded-for", "x-envoy-external-address", "x-envoy-internal");
        assertThat(sent("", "/", CHAIN))
                .containsEntry("x-see", "http 3.3.3.3 127.0.0.1")
                .containsEntry("x-forwarded-for", "1.1.1.1, 2.2.2.2, 3.3.3.3");
        assertThat(sent("xff_num_trusted_hops: 1", "/", CHAIN)).containsEntry("x-see", "http 2.2.2.2 127.0.0.1");
        assertThat(sent("xff_num_trusted_hops: 1", "/", "x-forwarded-for: 1.1.1.1"))
                .containsEntry("x-see", "http 127.0.0.1 127.0.0.1");
        assertThat(sent("", "/", "x-forwarded-for: junk")).containsEntry("x-see", "http 127.0.0.1 127.0.0.1");
    }

    @Test
    void atTheEdgeOnlyTrustedHopsAreBelieved() throws Exception {
        assertThat(sent(EDGE, "/", CHAIN, "x-forwarded-proto: https"))
                .containsEntry("x-see", "http 127.0.0.1 127.0.0.1")
                .containsEntry("x-forwarded-for", "1.1.1.1, 2.2.2.2, 3.3.3.3,127.0.0.1")
                .containsEntry("x-forwarded-proto", "http")
                .containsEntry("x-envoy-external-address", "127.0.0.1");
        assertThat(sent(EDGE + ";xff_num_trusted_hops: 1", "/", CHAIN, "x-forwarded-proto: https"))
                .containsEntry("x-see", "https 3.3.3.3 127.0.0.1")
                .containsEntry("x-forwarded-proto", "https")
                .containsEntry("x-envoy-external-address", "3.3.3.3");
        assertThat(sent(EDGE + ";skip_xff_append: true", "/", CHAIN))
                .containsEntry("x-forwarded-for", "1.1.1.1, 2.2.2.2, 3.3.3.3");
    }

    @Test
    void atTheEdgeNobodyHasTlsBySayingSo() throws Exception {
        assertThat(answer(EDGE, "HTTPS://b/x"))
                .startsWith("HTTP/1.1 403 Forbidden")
                .contains("connection: close");
        assertThat(answer(EDGE, "http://b/x")).startsWith("HTTP/1.1 200");
    }

    @Test
    void theSchemeIsWhatTheHopsSayUnlessItIsNone() throws Exception {
        assertThat(sent("", "/", "x-forwarded-proto: https")).containsEntry("x-see", "https 127.0.0.1 127.0.0.1");
        assertThat(sent("", "/", "x-forwarded-proto: gopher"))
                .containsEntry("x-see", "http 127.0.0.1 127.0.0.1")
                .containsEntry("x-forwarded-proto", "gopher");
        assertThat(sent("", "HTTPS://b/x"))
                .containsEntry("x-see", "https 127.0.0.1 127.0.0.1")
                .containsEntry("host", "b")
                .containsEntry("x-forwarded-proto", "http");
        assertThat(sent("scheme_header_transformation: {scheme_to_overwrite: https}", "/"))
                .containsEntry("x-see", "https 127.0.0.1 127.0.0.1")
                .containsEntry("x-forwarded-proto", "https");
    }

    @Test
    void thePortIsSaidWhereItIsAskedFor() throws Exception {
        assertThat(sent("", "/")).doesNotContainKey("x-forwarded-port");
        assertThat(sent("append_x_forwarded_port: true", "/").get("x-forwarded-port"))
                .matches("[0-9]+");
        assertThat(sent("append_x_forwarded_port: true", "/", "x-forwarded-port: 77"))
                .containsEntry("x-forwarded-port", "77");
        assertThat(sent(EDGE + ";append_x_forwarded_port: true", "/", "x-forwarded-port: 77")
                        .get("x-forwarded-port"))
                .isNotEqualTo("77");
        assertThat(sent(EDGE + ";append_x_forwarded_port: true;xff_num_trusted_hops: 1", "/", "x-forwarded-port: 77"))
                .containsEntry("x-forwarded-port", "77");
    }

    @Test
    void nobodySteersTheProxyFromOutside() throws Exception {
        String[] steering = {
            "x-envoy-retry-on: 5xx",
            "x-envoy-upstream-rq-timeout-ms: 7",
            "x-envoy-force-trace: 7",
            "x-envoy-ip-tags: 7",
            "x-envoy-original-url: 7",
            "x-envoy-internal: true",
            "x-envoy-upstream-alt-stat-name: 7"
        };
        String[] edgeOnly = {
            "x-envoy-decorator-operation: 7",
            "x-envoy-downstream-service-cluster: 7",
            "x-envoy-original-path: 7",
            "x-envoy-original-host: 7"
        };
        String[] steeringNames = names(steering);
        String[] edgeOnlyNames = names(edgeOnly);
        for (String hcm : new String[] {"", EDGE, LOOPBACK_IS_INTERNAL}) {
            assertThat(sent(hcm, "/", steering))
                    .doesNotContainKeys(steeringNames)
                    .containsEntry("x-envoy-expected-rq-timeout-ms", "15000");
        }
        assertThat(sent("", "/", edgeOnly)).containsKeys(edgeOnlyNames);
        assertThat(sent(EDGE, "/", edgeOnly)).doesNotContainKeys(edgeOnlyNames);

        var internal =
                sent(EDGE + ";" + LOOPBACK_IS_INTERNAL, "/", "x-envoy-upstream-rq-timeout-ms: 7000", edgeOnly[0]);
        assertThat(internal)
                .containsEntry("x-envoy-internal", "true")
                .containsEntry("x-envoy-expected-rq-timeout-ms", "7000")
                .containsEntry("x-envoy-decorator-operation", "7");
        assertThat(sent(EDGE + ";" + LOOPBACK_IS_INTERNAL, "/", "x-forwarded-for: 127.0.0.1", edgeOnly[0]))
                .doesNotContainKeys("x-envoy-internal", "x-envoy-decorator-operation");
        assertThat(sent(LOOPBACK_IS_INTERNAL, "/", "x-forwarded-for: 127.0.0.1"))
                .containsEntry("x-envoy-internal", "true");
    }

    private static String[] names(String[] headers) {
        var names = new String[headers.length];
        for (int i = 0; i < headers.length; i++) {
            names[i] = headers[i].substring(0, headers[i].indexOf(':'));
        }
        return names;
    }

    @Test
    void viaIsSaidInBothDirections() throws Exception {
        assertThat(sent("via: hop", "/")).containsEntry("via", "hop");
    }
}
