package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Cross-origin requests on a live proxy.
@org.jspecify.annotations.NullUnmarked
class CorsTest {
    private static final String FILTER =
            "{name: cors, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}";
    private static final String FULL = "allow_origin_string_match: [{exact: \"https://shop.example\"}, {suffix:"
            + " \".shop.example\"}], allow_methods: \"GET,POST\", allow_headers: x-token, expose_headers: x-total,"
            + " max_age: \"600\", allow_credentials: true";
    private static final String ORIGIN = "origin: https://shop.example";
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
    void start() throws IOException {
        upstream = new ScriptedUpstream(peer -> {
            while (true) {
                peer.readHead();
                peer.write("HTTP/1.1 204 No Content\r\naccess-control-allow-origin: nobody\r\n\r\n");
            }
        });
    }

    @AfterEach
    void stop() throws IOException {
        upstream.close();
    }

    private static String policy(String fields) {
        return "typed_per_filter_config: {cors: {\"@type\":"
                + " type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy, " + fields + "}}";
    }

    private LiveProxy proxy(String fields) throws ConfigRejected {
        return LiveProxy.with()
                .cluster("up", upstream.port())
                .filter(FILTER)
                .virtualHost(policy(fields))
                .route("{match: {prefix: /own}, route: {cluster: up}, "
                        + policy("allow_origin_string_match: [{prefix: http}], allow_methods: PUT") + "}")
                .start(loops);
    }

    private static String send(LiveProxy proxy, String line, String... headers) throws IOException {
        try (var peer = proxy.connect()) {
            peer.write(line + " HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
                    + (headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n") + "\r\n");
            return peer.readAll();
        }
    }

    @Test
    void preflightsAreAnsweredHere() throws Exception {
        try (var proxy = proxy(FULL)) {
            assertThat(send(proxy, "OPTIONS /x", ORIGIN, "access-control-request-method: POST"))
                    .startsWith("HTTP/1.1 200 ")
                    .contains("\r\naccess-control-allow-origin: https://shop.example\r\n")
                    .contains("\r\naccess-control-allow-credentials: true\r\n")
                    .contains("\r\naccess-control-allow-methods: GET,POST\r\n")
                    .contains("\r\naccess-control-allow-headers: x-token\r\n")
                    .contains("\r\naccess-control-max-age: 600\r\n")
                    .contains("\r\naccess-control-expose-headers: ")
                    .doesNotContain("private-network");
            assertThat(upstream.accepted()).isZero();
            assertThat(proxy.stat("http.main.cors.origin_valid")).isEqualTo(1);
        }
    }

    @Test
    void responsesTellTheOrigin() throws Exception {
        try (var proxy = proxy(FULL)) {
            assertThat(send(proxy, "GET /x", "origin: https://a.shop.example"))
                    .startsWith("HTTP/1.1 204 ")
                    .contains("\r\naccess-control-allow-origin: https://a.shop.example\r\n")
                    .contains("\r\naccess-control-allow-credentials: true\r\n")
                    .contains("\r\naccess-control-expose-headers: x-total\r\n")
                    .doesNotContain("nobody");
        }
    }

    @Test
    void otherOriginsAndPlainRequestsGoThroughUntouched() throws Exception {
        try (var proxy = proxy(FULL)) {
            assertThat(send(proxy, "GET /x", "origin: https://evil.example"))
                    .contains("access-control-allow-origin: nobody");
            assertThat(send(proxy, "GET /x")).contains("access-control-allow-origin: nobody");
            assertThat(send(proxy, "OPTIONS /x", "origin: https://evil.example", "access-control-request-method: POST"))
                    .startsWith("HTTP/1.1 204 ");
            assertThat(send(proxy, "OPTIONS /x", ORIGIN)).startsWith("HTTP/1.1 204 "); // no preflight
            assertThat(proxy.stat("http.main.cors.origin_invalid")).isEqualTo(2);
        }
    }

    @Test
    void preflightsOfOtherOriginsStayHereWhenAsked() throws Exception {
        try (var proxy = proxy(FULL + ", forward_not_matching_preflights: false")) {
            assertThat(send(proxy, "OPTIONS /x", "origin: https://evil.example", "access-control-request-method: POST"))
                    .startsWith("HTTP/1.1 200 ")
                    .doesNotContain("access-control");
            assertThat(upstream.accepted()).isZero();
        }
    }

    @Test
    void privateNetworksAreAllowedOnlyToThoseWhoAsk() throws Exception {
        try (var proxy = proxy(FULL + ", allow_private_network_access: true")) {
            String asked = send(
                    proxy,
                    "OPTIONS /x",
                    ORIGIN,
                    "access-control-request-method: GET",
                    "access-control-request-private-network: true");
            assertThat(asked).contains("\r\naccess-control-allow-private-network: true\r\n");
            assertThat(send(proxy, "OPTIONS /x", ORIGIN, "access-control-request-method: GET"))
                    .doesNotContain("private-network");
        }
    }

    @Test
    void theRoutesPolicyStandsOverTheVirtualHosts() throws Exception {
        try (var proxy = proxy(FULL)) {
            assertThat(send(proxy, "OPTIONS /own", "origin: http://any", "access-control-request-method: PUT"))
                    .contains("\r\naccess-control-allow-methods: PUT\r\n")
                    .doesNotContain("credentials");
        }
    }

    @Test
    void aShadowPolicyOnlyCounts() throws Exception {
        try (var proxy = proxy(FULL + ", filter_enabled: {default_value: {numerator: 0}},"
                + " shadow_enabled: {default_value: {numerator: 100}}")) {
            assertThat(send(proxy, "GET /x", ORIGIN)).contains("access-control-allow-origin: nobody");
            assertThat(send(proxy, "OPTIONS /x", ORIGIN, "access-control-request-method: GET"))
                    .startsWith("HTTP/1.1 204 ");
            assertThat(proxy.stat("http.main.cors.origin_valid")).isEqualTo(2);
        }
    }

    @Test
    void aPolicyThatCannotBeUsedIsRefused() {
        assertThatThrownBy(() -> proxy("allow_origin_string_match: [{safe_regex: {regex: \"(\"}}, {prefix: \"\"}]"))
                .isInstanceOf(ConfigRejected.class)
                .hasMessageContaining("allow_origin_string_match[0]")
                .hasMessageContaining("allow_origin_string_match[1].prefix: empty");
    }
}
