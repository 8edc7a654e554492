package dev.mesh.examples.bookinfo;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;

/// HTTP/1.1, both ends, on what the JDK brings.
final class Web {
    /// What a service hands on from what it is asked to what it asks: the user, and what joins calls to a trace.
    private static final List<String> HANDED_ON = List.of(
            "end-user",
            "x-request-id",
            "traceparent",
            "tracestate",
            "baggage",
            "b3",
            "x-b3-traceid",
            "x-b3-spanid",
            "x-b3-parentspanid",
            "x-b3-sampled",
            "x-b3-flags");

    private Web() {}

    /// @param port 0: any
    /// @return where to listen: at `ADDRESS` (an image sets it), else on 127.0.0.1 alone
    static InetSocketAddress address(int port) throws IOException {
        return new InetSocketAddress(InetAddress.getByName(System.getenv().getOrDefault("ADDRESS", "127.0.0.1")), port);
    }

    /// @param handedOn headers for the calls that it takes to answer it, lower case
    /// @param cookie the header as it came; empty: none
    record Request(String method, String path, String body, String cookie, Map<String, String> handedOn) {}

    /// @param headers more of them
    record Answer(int status, String type, String body, Map<String, String> headers) {
        Answer(int status, String type, String body) {
            this(status, type, body, Map.of());
        }

        static Answer html(String body) {
            return new Answer(200, "text/html; charset=utf-8", body);
        }

        static Answer json(String body) {
            return new Answer(200, "application/json", body);
        }

        static Answer healthOrNotFound(Request request) {
            return request.path().equals("/health")
                    ? json("{\"status\": \"healthy\"}")
                    : new Answer(404, "text/plain", "no such page\n");
        }
    }

    /// Answers requests, each on a virtual thread of its own.
    @FunctionalInterface
    interface Handler {
        Answer answer(Request request);
    }

    /// @param port 0: any
    /// @return the port
    static int serve(int port, Handler handler) throws IOException {
        HttpServer server = HttpServer.create(address(port), 128);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/", exchange -> {
            try (exchange) {
                String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
                Headers headers = exchange.getRequestHeaders();
                var handedOn = new TreeMap<String, String>();
                HANDED_ON.forEach(name -> {
                    String value = headers.getFirst(name);
                    if (value != null) {
                        handedOn.put(name, value);
                    }
                });
                String cookie = headers.getFirst("cookie");
                Answer answer = handler.answer(new Request(
                        exchange.getRequestMethod(),
                        exchange.getRequestURI().getPath(),
                        body,
                        cookie == null ? "" : cookie,
                        handedOn));
                byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
                exchange.getResponseHeaders().set("content-type", answer.type());
                answer.headers().forEach(exchange.getResponseHeaders()::set);
                exchange.sendResponseHeaders(answer.status(), bytes.length == 0 ? -1 : bytes.length);
                exchange.getResponseBody().write(bytes);
            }
        });
        server.start();
        return server.getAddress().getPort();
    }

    static HttpClient client() {
        return HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(Duration.ofSeconds(3))
                .build();
    }

    /// Asks another service.
    ///
    /// @throws IOException if it does not answer with 200 in time
    static String get(HttpClient http, String url, Map<String, String> headers, Duration timeout) throws IOException {
        var request = HttpRequest.newBuilder(URI.create(url)).timeout(timeout);
        headers.forEach(request::header);
        try {
            var answer = http.send(request.build(), HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new IOException(url + " answered " + answer.statusCode());
            }
            return answer.body();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
