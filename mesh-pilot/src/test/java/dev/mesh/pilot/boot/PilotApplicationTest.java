package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The whole pilot, with its HTTP port.
class PilotApplicationTest {
    @TempDir
    private Path folder;

    @Test
    void servesXdsMetricsAndDebugPages() throws Exception {
        Files.writeString(folder.resolve("web.yaml"), """
                apiVersion: v1
                kind: Service
                metadata: {name: web, namespace: shop}
                spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
                ---
                apiVersion: security.istio.io/v1
                kind: AuthorizationPolicy
                metadata: {name: all, namespace: shop}
                """);
        Path portFile = folder.resolve("port");
        try (var context = PilotApplication.run(new PilotProperties(folder, 0, 0, portFile));
                var http = HttpClient.newHttpClient()) {
            String base = "http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port");

            assertThat(Integer.parseInt(Files.readString(portFile))).isPositive();
            assertThat(get(http, base + "/ready").body()).isEqualTo("ready\n");
            assertThat(get(http, base + "/debug/registryz").body()).contains("web.shop.svc.cluster.local");
            assertThat(get(http, base + "/debug/configz").body()).contains("\"kind\":\"AuthorizationPolicy\"");
            assertThat(get(http, base + "/debug/findings").body()).contains("not honoured yet");
            assertThat(get(http, base + "/debug/syncz").body()).isEqualTo("[]");
            assertThat(get(http, base + "/debug/config_dump?proxyID=none").statusCode())
                    .isEqualTo(404);
            assertThat(get(http, base + "/metrics").body())
                    .contains("pilot_services 1.0", "pilot_xds 0.0", "mesh_findings{severity=\"warning\"} 1.0");
            assertThat(get(http, base + "/health").body()).contains("UP");
            assertThat(get(http, base + "/env").statusCode())
                    .as("nothing more is shown")
                    .isEqualTo(404);
        }
    }

    @Test
    void anOccupiedPortIsNamed() throws IOException {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() -> PilotApplication.run(new PilotProperties(folder, taken.getLocalPort(), 0, null)))
                    .rootCause()
                    .hasMessageContaining("in use");
        }
    }

    private static HttpResponse<String> get(HttpClient http, String url) throws IOException, InterruptedException {
        return http.send(
                HttpRequest.newBuilder(URI.create(url))
                        .timeout(Duration.ofSeconds(10))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }
}
