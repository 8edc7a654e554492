package dev.mesh.pilot.webhook;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The HTTPS port that the API server asks, 15017. A request has a virtual thread; what is too large or too slow is
/// given up.
public final class WebhookServer implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(WebhookServer.class);
    /// The API server sends no object above 3 MiB, and in an update the old one with it.
    static final int MOST_BYTES = 8 << 20;
    private static final String SLOWEST_SECONDS = "15";

    private final HttpsServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

    /// Binds; serves from [#start] on.
    ///
    /// @param address port 0 = any
    /// @param objects what the pilot knows now
    /// @param across see [ValidateEndpoint]
    /// @throws IOException with a sentence if the port cannot be had
    public WebhookServer(
            InetSocketAddress address,
            ServingCertificate certificate,
            InjectorState state,
            Supplier<Collection<MeshObject>> objects,
            Function<MeshObject, List<Finding>> across)
            throws IOException {
        // The JDK's server reads them once. The API server itself waits 10 s at most by default.
        System.setProperty("sun.net.httpserver.maxReqTime", SLOWEST_SECONDS);
        System.setProperty("sun.net.httpserver.maxRspTime", SLOWEST_SECONDS);
        try {
            server = HttpsServer.create(address, 0);
        } catch (IOException e) {
            throw new IOException("webhooks: " + address + " cannot be listened on: " + e.getMessage(), e);
        }
        server.setExecutor(threads);
        server.setHttpsConfigurator(new HttpsConfigurator(context(certificate)) {
            @Override
            public void configure(HttpsParameters parameters) {
                var ssl = getSSLContext().getDefaultSSLParameters();
                ssl.setProtocols(new String[] {"TLSv1.3", "TLSv1.2"});
                parameters.setSSLParameters(ssl);
            }
        });
        var inject = new InjectEndpoint(state, objects);
        var validate = new ValidateEndpoint(across);
        server.createContext("/inject", exchange -> serve(exchange, inject::answer));
        server.createContext("/validate", exchange -> serve(exchange, (request, _) -> validate.answer(request)));
    }

    private static SSLContext context(ServingCertificate certificate) {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(new KeyManager[] {certificate.keyManager()}, null, null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no TLS", e);
        }
    }

    public void start() {
        server.start();
        LOGGER.atInfo().addKeyValue("port", port()).log("webhooks are served");
    }

    public int port() {
        return server.getAddress().getPort();
    }

    private static void serve(HttpExchange exchange, BiFunction<Admission.Request, String, Admission.Response> endpoint)
            throws IOException {
        try (exchange) {
            if (!exchange.getRequestMethod().equals("POST")) {
                say(exchange, 405, "the method is " + exchange.getRequestMethod() + " (expected: POST)");
                return;
            }
            String type = String.valueOf(exchange.getRequestHeaders().getFirst("Content-Type"));
            if (!type.split(";", -1)[0].strip().equals("application/json")) {
                say(exchange, 415, "the body's type is " + type + " (expected: application/json)");
                return;
            }
            byte[] body;
            try (InputStream in = exchange.getRequestBody()) {
                body = in.readNBytes(MOST_BYTES + 1);
            }
            if (body.length > MOST_BYTES) {
                say(exchange, 413, "the body is too large (expected: at most 8 MiB)");
                return;
            }
            Admission.Request request;
            try {
                request = Admission.read(body);
            } catch (IllegalArgumentException e) {
                say(exchange, 400, String.valueOf(e.getMessage()));
                return;
            }
            try {
                byte[] answer = Admission.write(
                        request,
                        endpoint.apply(request, exchange.getRequestURI().getPath()));
                exchange.getResponseHeaders().set("Content-Type", "application/json");
                exchange.sendResponseHeaders(200, answer.length);
                exchange.getResponseBody().write(answer);
            } catch (RuntimeException e) {
                LOGGER.atError()
                        .addKeyValue("namespace", request.namespace())
                        .addKeyValue("kind", request.kind())
                        .setCause(e)
                        .log("error of the pilot; the API server does as its failurePolicy says");
                say(exchange, 500, "error of mesh-pilot, which its log tells of: " + e);
            }
        }
    }

    private static void say(HttpExchange exchange, int status, String sentence) throws IOException {
        byte[] text = (sentence + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
        exchange.sendResponseHeaders(status, text.length);
        exchange.getResponseBody().write(text);
    }

    /// Finishes what is being answered, for at most a second.
    @Override
    public void close() {
        server.stop(1);
        threads.shutdownNow();
    }
}
