package dev.mesh.proxy.agent;

import com.sun.net.httpserver.HttpExchange;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// `/stats/prometheus` of the whole pod: the agent's own, the proxy's, and the application's metrics in one text, so
/// that Prometheus has one target a pod, and none that asks for mutual TLS.
final class MetricsMerge {
    private static final Logger LOGGER = LoggerFactory.getLogger(MetricsMerge.class);
    static final String TYPE = "text/plain; version=0.0.4; charset=utf-8";

    private static final Duration USUAL_TIMEOUT = Duration.ofSeconds(10);
    private static final int LONGEST_LINE = 1 << 20;

    private final PodSettings.@Nullable AppMetrics app;
    private final LocalHttp http;
    private final PodEndpoints.Pod pod;
    private final LongAdder scrapes = new LongAdder();
    private final LongAdder failures = new LongAdder();

    /// @param app null = it has none
    MetricsMerge(PodSettings.@Nullable AppMetrics app, LocalHttp http, PodEndpoints.Pod pod) {
        this.app = app;
        this.http = http;
        this.pod = pod;
    }

    void answer(HttpExchange exchange) throws IOException {
        scrapes.increment();
        exchange.getResponseHeaders().set("content-type", TYPE);
        exchange.sendResponseHeaders(200, 0);
        OutputStream out = exchange.getResponseBody();
        // First, since its failure is counted in what follows.
        if (app != null) {
            application(app, timeout(exchange), out);
        }
        out.write(
                pod.admin().handle("GET", "/stats/prometheus", Map.of()).body().getBytes(StandardCharsets.UTF_8));
        out.write(pod.agentMetrics().getBytes(StandardCharsets.UTF_8));
        String scraped = """
                # TYPE istio_agent_scrapes_total counter
                istio_agent_scrapes_total %d
                # TYPE istio_agent_scrape_failures_total counter
                istio_agent_scrape_failures_total{type="application"} %d
                """.formatted(scrapes.sum(), failures.sum());
        out.write(scraped.getBytes(StandardCharsets.UTF_8));
    }

    // What Prometheus will wait, less a little for the rest.
    private static Duration timeout(HttpExchange exchange) {
        String seconds = exchange.getRequestHeaders().getFirst("x-prometheus-scrape-timeout-seconds");
        return seconds != null && seconds.matches("[0-9]{1,4}(\\.[0-9]{1,9})?")
                ? Duration.ofMillis(Math.max(100, (long) (Double.parseDouble(seconds) * 900)))
                : USUAL_TIMEOUT;
    }

    private void application(PodSettings.AppMetrics app, Duration timeout, OutputStream out) throws IOException {
        var asked = new AppProbe.Kind.Http(app.scheme(), "", app.port(), app.path(), List.of());
        try {
            int status = http.get(
                    asked,
                    List.of(
                            new AppProbe.Header("Accept", "text/plain;version=0.0.4;q=0.9,*/*;q=0.1"),
                            new AppProbe.Header("User-Agent", "mesh-proxy")),
                    timeout,
                    answer -> {
                        if (answer.status() == 200) {
                            copyLines(answer.body(), out);
                        }
                        return answer.status();
                    });
            if (status != 200) {
                failed("the application answered " + status);
            }
        } catch (IOException e) {
            failed(String.valueOf(e.getMessage()));
        }
    }

    private void failed(String reason) {
        failures.increment();
        LOGGER.atDebug().addKeyValue("reason", reason).log("the application's metrics could not be had");
    }

    // Whole lines only: where the application breaks off, what follows must not stick to half a line of it.
    private static void copyLines(InputStream in, OutputStream out) throws IOException {
        var rest = new ByteArrayOutputStream();
        var buffer = new byte[16 << 10];
        for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
            int end = got;
            while (end > 0 && buffer[end - 1] != '\n') {
                end--;
            }
            if (end > 0) {
                rest.writeTo(out);
                rest.reset();
                out.write(buffer, 0, end);
            }
            if (rest.size() + got - end > LONGEST_LINE) {
                throw new IOException("a line of more than " + LONGEST_LINE + " bytes");
            }
            rest.write(buffer, end, got - end);
        }
        if (rest.size() > 0) {
            rest.write('\n');
            rest.writeTo(out);
        }
    }
}
