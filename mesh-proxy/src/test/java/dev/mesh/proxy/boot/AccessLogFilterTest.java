package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Which requests an access log's filter lets through, on a live proxy.
@org.jspecify.annotations.NullUnmarked
class AccessLogFilterTest {
    private static final String FILE =
            "\"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
    private static final String STATUS =
            "status_code_filter: {comparison: {op: %s, value: {default_value: %d, runtime_key: k}}}";
    private static Loops loops;

    @TempDir
    private Path work;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    // Both logs write the same file in order: when the one without a filter has all, so has the other.
    private LiveProxy proxy(String filter) throws ConfigRejected {
        return LiveProxy.with()
                .hcm("access_log: [{name: some, filter: {" + filter + "}, " + log("some") + "}, {name: all, "
                        + log("all") + "}]")
                .cluster("up", 1)
                .route(
                        "{match: {path: /ok}, direct_response: {status: 200}}",
                        "{match: {path: /found}, direct_response: {status: 302}}",
                        "{match: {path: /gone}, direct_response: {status: 410}}",
                        "{match: {path: /grpc}, direct_response: {status: 200}, response_headers_to_add: [{header: {key:"
                                + " grpc-status, value: \"5\"}}]}")
                .start(loops);
    }

    private String log(String name) {
        return "typed_config: {" + FILE + ", path: " + work.resolve("log")
                + ", log_format: {text_format_source: {inline_string: \"" + name + " %REQ(:PATH)%\\n\"}}}";
    }

    private List<String> lines(String name) throws IOException {
        return Files.readAllLines(work.resolve("log")).stream()
                .filter(line -> line.startsWith(name + " "))
                .map(line -> line.substring(name.length() + 1))
                .toList();
    }

    private List<String> logged(String filter) throws Exception {
        try (var proxy = proxy(filter)) {
            for (String path : List.of("/ok", "/found", "/gone", "/grpc", "/refused")) {
                try (var peer = proxy.connect()) {
                    peer.write("GET " + path + " HTTP/1.1\r\nhost: a\r\nx-user: " + path.charAt(1)
                                    + "\r\nconnection: close\r\n\r\n")
                            .readAll();
                }
            }
            await().untilAsserted(() -> assertThat(lines("all")).hasSize(5));
        }
        return lines("some");
    }

    @Test
    void comparesTheStatus() throws Exception {
        assertThat(logged(STATUS.formatted("GE", 400))).containsExactly("/gone", "/refused");
    }

    @Test
    void andNeedsAllOrNeedsOne() throws Exception {
        assertThat(logged("or_filter: {filters: [{" + STATUS.formatted("EQ", 302) + "}, {and_filter: {filters: [{"
                        + STATUS.formatted("GE", 400) + "}, {" + STATUS.formatted("LE", 499) + "}]}}]}"))
                .containsExactly("/found", "/gone");
    }

    @Test
    void matchesAHeader() throws Exception {
        assertThat(logged("header_filter: {header: {name: x-user, string_match: {exact: g}}}"))
                .containsExactly("/gone", "/grpc");
    }

    @Test
    void matchesAPseudoHeader() throws Exception {
        assertThat(logged("header_filter: {header: {name: \":path\", string_match: {prefix: /f}}}"))
                .containsExactly("/found");
    }

    @Test
    void matchesResponseFlags() throws Exception {
        assertThat(logged("response_flag_filter: {flags: [UF, UH]}")).containsExactly("/refused");
    }

    @Test
    void anyFlagWhereNoneIsNamed() throws Exception {
        assertThat(logged("response_flag_filter: {}")).containsExactly("/refused");
    }

    @Test
    void matchesTheGrpcStatus() throws Exception {
        assertThat(logged("grpc_status_filter: {statuses: [NOT_FOUND, UNAVAILABLE]}"))
                .containsExactly("/grpc", "/refused");
    }

    @Test
    void excludesGrpcStatuses() throws Exception {
        assertThat(logged("grpc_status_filter: {statuses: [UNKNOWN], exclude: true}"))
                .containsExactly("/grpc", "/refused");
    }

    @ParameterizedTest
    @CsvSource({"100, 5", "0, 0"})
    void samplesAShare(int percent, int lines) throws Exception {
        assertThat(logged("runtime_filter: {runtime_key: a, percent_sampled: {numerator: " + percent + "}}"))
                .hasSize(lines);
    }

    @Test
    void nothingHereIsAHealthCheck() throws Exception {
        assertThat(logged("not_health_check_filter: {}")).hasSize(5);
    }

    @Test
    void everyRequestIsFasterThanAnHour() throws Exception {
        assertThat(logged("duration_filter: {comparison: {op: GE, value: {default_value: 3600000, runtime_key: k}}}"))
                .isEmpty();
    }

    @Test
    void whatIsNotSupportedIsRefusedByName() {
        assertThatThrownBy(() ->
                        proxy("or_filter: {filters: [{metadata_filter: {}}, {response_flag_filter: {flags: [XX]}},"
                                + " {extension_filter: {name: cel, typed_config: {\"@type\":"
                                + " type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}]}"))
                .isInstanceOf(ConfigRejected.class)
                .hasMessageContaining("access_log[0].filter.or_filter.filters[0].metadata_filter: not supported")
                .hasMessageContaining("filters[1].response_flag_filter.flags[0]: \"XX\"")
                .hasMessageContaining("filters[2].extension_filter: \"type.googleapis.com");
    }

    @Test
    void oneMemberIsNoSet() {
        assertThatThrownBy(() -> proxy("and_filter: {filters: [{not_health_check_filter: {}}]}"))
                .hasMessageContaining("and_filter.filters: 1 (expected: at least 2)");
    }
}
