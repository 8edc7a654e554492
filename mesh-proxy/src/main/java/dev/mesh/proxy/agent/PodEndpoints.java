package dev.mesh.proxy.agent;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.mesh.proxy.admin.AdminHandlers;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The pod's own HTTP endpoints, on Istio's ports and paths: health (15021), what pilot-agent answers (15020), and the
/// proxy's metrics (15090). On all addresses, IPv6 too where the machine has it. A virtual thread for each request.
public final class PodEndpoints implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(PodEndpoints.class);
    private static final String TEXT = "text/plain; charset=UTF-8";

    /// The proxy, as its endpoints see it.
    public interface Pod {
        /// Why it is not ready, as a sentence; empty if it is.
        String unready();

        /// Its own statistics come from here.
        AdminHandlers admin();

        /// What the agent's part says of itself, in Prometheus' text format.
        String agentMetrics();

        /// The names of the mesh that it answers DNS questions for, as JSON; empty if there are none.
        String names();

        /// Stops being ready and tells connections to end, but serves on.
        void drain();

        /// Ends the process.
        void quit();
    }

    private interface Handler {
        void answer(HttpExchange exchange) throws IOException;
    }

    private final PodSettings settings;
    private final Pod pod;
    private final ProbeClient probes;
    private final MetricsMerge metrics;
    private final ExecutorService threads = Executors.newThreadPerTaskExecutor(
            Thread.ofVirtual().name("pod-", 0).factory());
    private final List<HttpServer> servers = new ArrayList<>();

    private PodEndpoints(PodSettings settings, Pod pod) {
        this.settings = settings;
        this.pod = pod;
        boolean intercepted = !settings.interceptedPorts().isEmpty();
        probes = new ProbeClient(settings.address(), intercepted);
        metrics = new MetricsMerge(settings.metrics(), new LocalHttp(settings.address(), intercepted), pod);
    }

    /// @throws IOException if a port cannot be bound; the message says which
    public static PodEndpoints start(PodSettings settings, Pod pod) throws IOException {
        var endpoints = new PodEndpoints(settings, pod);
        try {
            endpoints.serve(settings.ports().health(), endpoints::health);
            endpoints.serve(settings.ports().status(), endpoints::status);
            endpoints.serve(settings.ports().prometheus(), endpoints::prometheus);
        } catch (IOException e) {
            endpoints.close();
            throw e;
        }
        return endpoints;
    }

    private void serve(int port, Handler handler) throws IOException {
        HttpServer server;
        try {
            server = HttpServer.create(new InetSocketAddress(port), 64);
        } catch (IOException e) {
            throw new IOException("cannot listen on port " + port + ": " + e.getMessage(), e);
        }
        server.setExecutor(threads);
        server.createContext("/", exchange -> {
            try (exchange) {
                exchange.getRequestBody().readNBytes(1 << 16);
                handler.answer(exchange);
            } catch (RuntimeException e) {
                LOGGER.atError()
                        .addKeyValue("path", exchange.getRequestURI())
                        .setCause(e)
                        .log("a request of the pod's endpoints could not be answered");
                throw e;
            }
        });
        server.start();
        servers.add(server);
    }

    /// 15021, as it is bound.
    public int healthPort() {
        return servers.getFirst().getAddress().getPort();
    }

    /// 15020, as it is bound.
    public int statusPort() {
        return servers.get(1).getAddress().getPort();
    }

    /// 15090, as it is bound.
    public int prometheusPort() {
        return servers.get(2).getAddress().getPort();
    }

    // ---- what is answered ----

    private void health(HttpExchange exchange) throws IOException {
        if (exchange.getRequestURI().getPath().equals("/healthz/ready")) {
            ready(exchange);
        } else {
            reply(exchange, 404, "not found (there is /healthz/ready)\n");
        }
    }

    private void ready(HttpExchange exchange) throws IOException {
        String why = pod.unready();
        reply(exchange, why.isEmpty() ? 200 : 503, why.isEmpty() ? "ready\n" : why + "\n");
    }

    private void prometheus(HttpExchange exchange) throws IOException {
        URI uri = exchange.getRequestURI();
        if (!uri.getPath().equals("/stats/prometheus")) {
            reply(exchange, 404, "not found (there is /stats/prometheus)\n");
            return;
        }
        AdminHandlers.Reply reply =
                pod.admin().handle(exchange.getRequestMethod(), "/stats/prometheus", AdminHandlers.query(uri));
        reply(exchange, reply.status(), MetricsMerge.TYPE, reply.body());
    }

    private void status(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        switch (path) {
            case "/healthz/ready" -> ready(exchange);
            case "/stats/prometheus" -> metrics.answer(exchange);
            case "/quitquitquit" -> command(exchange, pod::quit);
            case "/drain" -> command(exchange, pod::drain);
            case "/debug/ndsz" -> names(exchange);
            default -> {
                AppProbe probe = settings.probes().get(path);
                if (probe == null) {
                    reply(
                            exchange,
                            404,
                            "not found (there are /healthz/ready, /stats/prometheus"
                                    + (settings.probes().isEmpty()
                                            ? ""
                                            : ", "
                                                    + String.join(
                                                            ", ",
                                                            settings.probes().keySet()))
                                    + ", and by POST from this pod /drain and /quitquitquit)\n");
                    return;
                }
                String agent = exchange.getRequestHeaders().getFirst("user-agent");
                ProbeClient.Outcome outcome = probes.ask(probe, agent == null ? "kube-probe" : agent);
                reply(exchange, outcome.status(), outcome.words() + "\n");
            }
        }
    }

    // As pilot-agent's, for those in the pod only.
    private void names(HttpExchange exchange) throws IOException {
        String table = pod.names();
        if (!exchange.getRemoteAddress().getAddress().isLoopbackAddress()) {
            reply(exchange, 403, "only from this pod's loopback address\n");
        } else if (table.isEmpty()) {
            reply(
                    exchange,
                    404,
                    "no names (expected: ISTIO_META_DNS_CAPTURE=true, and a table from the control plane)\n");
        } else {
            reply(exchange, 200, "application/json", table);
        }
    }

    // What changes something is for those in the pod only.
    private static void command(HttpExchange exchange, Runnable action) throws IOException {
        if (!exchange.getRemoteAddress().getAddress().isLoopbackAddress()) {
            reply(exchange, 403, "only from this pod's loopback address\n");
        } else if (!exchange.getRequestMethod().equals("POST")) {
            reply(exchange, 405, "POST is required\n");
        } else {
            reply(exchange, 200, "OK\n");
            action.run();
        }
    }

    private static void reply(HttpExchange exchange, int status, String body) throws IOException {
        reply(exchange, status, TEXT, body);
    }

    private static void reply(HttpExchange exchange, int status, String type, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("content-type", type);
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        if (bytes.length > 0 && !exchange.getRequestMethod().equals("HEAD")) {
            exchange.getResponseBody().write(bytes);
        }
    }

    @Override
    public void close() {
        servers.forEach(server -> server.stop(0));
        threads.shutdownNow();
    }
}
