package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Every field of a connection manager is honoured, or refused by its name.
@NullUnmarked
class ManagerOptionsTest {
    private static Loops loops;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            add_user_agent: true                                                       | add_user_agent: not supported
            proxy_100_continue: true                                                   | proxy_100_continue: not supported
            access_log_flush_interval: 1s                                              | access_log_flush_interval: not supported
            forward_client_cert_details: SANITIZE_SET                                  | forward_client_cert_details: not supported
            scheme_header_transformation: {scheme_to_overwrite: gopher}                | scheme_to_overwrite: "gopher" (expected: http or https)
            scheme_header_transformation: {match_upstream: true}                       | scheme_header_transformation.match_upstream: not supported
            http_protocol_options: {allow_chunked_length: true}                        | http_protocol_options.allow_chunked_length: not supported
            http_protocol_options: {allow_absolute_url: false}                         | http_protocol_options.allow_absolute_url: false is not supported
            http_protocol_options: {ignore_http_11_upgrade: [{exact: x}]}              | http_protocol_options.ignore_http_11_upgrade: not supported
            http_protocol_options: {header_key_format: {stateful_formatter: {name: x}}} | http_protocol_options.header_key_format.stateful_formatter: not supported
            http2_protocol_options: {max_outbound_frames: 5}                           | http2_protocol_options.max_outbound_frames: not supported
            http2_protocol_options: {allow_metadata: true}                             | http2_protocol_options.allow_metadata: not supported
            http2_protocol_options: {custom_settings_parameters: [{identifier: 99, value: 1}]} | http2_protocol_options.custom_settings_parameters: not supported
            http2_protocol_options: {initial_stream_window_size: 1000}                 | http2_protocol_options.initial_stream_window_size: 1000 (expected: 65535-2147483647)
            http2_protocol_options: {connection_keepalive: {interval: 1s}}             | http2_protocol_options.connection_keepalive.timeout: unset or too short
            internal_address_config: {cidr_ranges: [{address_prefix: x, prefix_len: 8}]} | internal_address_config.cidr_ranges[0].address_prefix: "x" (expected: an IP address)
            internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 33}]} | internal_address_config.cidr_ranges[0].prefix_len: 33 (expected: 0-32)
            """)
    void isRefusedByName(String field, String reason) {
        assertThatThrownBy(() -> LiveProxy.with()
                        .hcm(field)
                        .cluster("up", 1)
                        .start(loops)
                        .close())
                .isInstanceOf(ConfigRejected.class)
                .hasMessageContaining(reason);
    }

    private static LiveProxy proxy(int port, String... hcm) throws Exception {
        return LiveProxy.with().hcm(hcm).cluster("up", port).start(loops);
    }

    @Test
    void headerNamesAreWrittenInProperCaseWhereThatIsAskedFor() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    String head = peer.readHead();
                    peer.write("HTTP/1.1 200 OK\r\nx-some-header: a\r\ncontent-length: " + head.length() + "\r\n\r\n"
                            + head);
                });
                var proxy = LiveProxy.with()
                        .hcm("http_protocol_options: {header_key_format: {proper_case_words: {}}}")
                        .cluster(
                                "up",
                                upstream.port(),
                                "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
                                        + "{\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
                                        + "explicit_http_config: {http_protocol_options: {header_key_format: {proper_case_words: {}}}}}}")
                        .start(loops);
                var client = proxy.connect()) {
            client.write("GET / HTTP/1.1\r\nhost: a\r\nx-up-header: b\r\nconnection: close\r\n\r\n");
            assertThat(client.readAll())
                    .contains("X-Some-Header: a\r\n")
                    .contains("Connection: close\r\n")
                    .contains("Content-Length: ")
                    .contains("Host: a\r\n")
                    .contains("X-Up-Header: b\r\n");
        }
    }

    @Test
    void anImpossibleRequestCostsTheConnectionUnlessItSpeaksForMany() throws Exception {
        String bad = "GET / HTTP/1.1\r\n\r\n";
        String good = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                });
                var strict = proxy(upstream.port());
                var lenient = proxy(upstream.port(), "stream_error_on_invalid_http_message: true");
                var one = strict.connect();
                var two = lenient.connect()) {
            one.write(bad + good);
            assertThat(one.readAll())
                    .startsWith("HTTP/1.1 400")
                    .contains("connection: close")
                    .doesNotContain("200");
            two.write(bad + good);
            assertThat(two.readHead()).startsWith("HTTP/1.1 400").doesNotContain("connection: close");
            assertThat(two.readAll()).startsWith("HTTP/1.1 200").endsWith("ok");
        }
    }

    @Test
    void trailersGoThroughWhereBothSidesTakeThem() throws Exception {
        String options = "{enable_trailers: true}";
        String cluster = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
                + "{\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
                + "explicit_http_config: {http_protocol_options: " + options + "}}}";
        ScriptedUpstream.Script echo = peer -> {
            peer.readHead();
            String request = peer.readUntil("\r\n\r\n");
            peer.write(Peer.lines(
                    "HTTP/1.1 200 OK", "transfer-encoding: chunked", "x-got: " + request.replace("\r\n", "|"), ""));
            peer.write(Peer.lines("2", "ok", "0", "x-after: b", "content-length: 9", ""));
        };
        String request = Peer.lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Connection: close", "")
                + Peer.lines("1", "q", "0", "x-end: a", "");
        try (var upstream = new ScriptedUpstream(echo);
                var proxy = LiveProxy.with()
                        .hcm("http_protocol_options: " + options)
                        .cluster("up", upstream.port(), cluster)
                        .start(loops);
                var client = proxy.connect()) {
            client.write(request);
            assertThat(client.readAll())
                    .contains("x-got: 1|q|0|x-end: a||\r\n")
                    .endsWith("2\r\nok\r\n0\r\nx-after: b\r\n\r\n");
        }
        try (var upstream = new ScriptedUpstream(echo);
                var proxy = proxy(upstream.port());
                var client = proxy.connect()) {
            client.write(request);
            assertThat(client.readAll()).contains("x-got: 1|q|0||\r\n").endsWith("2\r\nok\r\n0\r\n\r\n");
        }
    }
}
