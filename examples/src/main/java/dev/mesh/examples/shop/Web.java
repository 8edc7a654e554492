package dev.mesh.examples.shop;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
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
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// HTTP/1.1, both ends, on what the JDK brings.
final class Web {
    private Web() {}

    /// @param port 0: any
    /// @return where to listen: at `ADDRESS` (an image sets it), else on 127.0.0.1 alone
    static InetSocketAddress address(int port) throws IOException {
        return new InetSocketAddress(InetAddress.getByName(System.getenv().getOrDefault("ADDRESS", "127.0.0.1")), port);
    }

    /// An answer.
    ///
    /// @param headers more of them
    record Answer(int status, String type, String body, Map<String, String> headers) {
        static Answer html(int status, String body) {
            return new Answer(status, "text/html; charset=utf-8", body, Map.of());
        }

        static Answer json(Message message) {
            return new Answer(200, "application/json", print(message), Map.of());
        }

        static Answer notFound() {
            return new Answer(404, "text/plain", "no such page\n", Map.of());
        }

        Answer with(String name, String value) {
            var more = new TreeMap<>(headers);
            more.put(name, value);
            return new Answer(status, type, body, more);
        }
    }

    /// What answers requests, on a virtual thread of the request's own.
    interface Handler {
        /// @param path between slashes
        Answer answer(HttpExchange exchange, List<String> path) throws IOException;
    }

    /// @param port 0: any
    static Running serve(int port, String workload, Handler handler, AutoCloseable... more) throws IOException {
        HttpServer server = HttpServer.create(address(port), 128);
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        server.setExecutor(threads);
        server.createContext("/", exchange -> {
            try (exchange) {
                exchange.getRequestBody().readAllBytes();
                send(exchange, workload, answer(exchange, handler));
            }
        });
        server.start();
        return new Running() {
            @Override
            public int port() {
                return server.getAddress().getPort();
            }

            @Override
            public void close() {
                server.stop(0);
                threads.shutdownNow();
                Shop.closeAll(more);
            }
        };
    }

    private static Answer answer(HttpExchange exchange, Handler handler) {
        try {
            String path = exchange.getRequestURI().getPath();
            return handler.answer(
                    exchange, List.of(path.replaceAll("^/+|/+$", "").split("/+")));
        } catch (IOException e) {
            return new Answer(502, "text/plain", e.getMessage() + "\n", Map.of());
        }
    }

    private static void send(HttpExchange exchange, String workload, Answer answer) throws IOException {
        byte[] body = answer.body().getBytes(StandardCharsets.UTF_8);
        var headers = exchange.getResponseHeaders();
        headers.set("content-type", answer.type());
        headers.set("x-served-by", workload);
        answer.headers().forEach(headers::set);
        if (exchange.getRequestMethod().equals("HEAD")) {
            headers.set("content-length", Integer.toString(body.length));
            exchange.sendResponseHeaders(answer.status(), -1);
        } else {
            exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
        }
    }

    static HttpClient client() {
        return HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(Duration.ofSeconds(3))
                .build();
    }

    /// Asks another service, and reads its JSON.
    ///
    /// @param into takes what is read
    /// @throws IOException if it does not answer with 200
    static <B extends Message.Builder> B call(
            HttpClient client, String method, String peer, String path, Trace trace, B into) throws IOException {
        var request = HttpRequest.newBuilder(URI.create("http://" + peer + path))
                .timeout(Duration.ofSeconds(10))
                .method(method, HttpRequest.BodyPublishers.noBody());
        trace.copyTo(request::header);
        try {
            var answer = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new IOException(peer + " answered " + answer.statusCode());
            }
            JsonFormat.parser().ignoringUnknownFields().merge(answer.body(), into);
            return into;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static String print(Message message) {
        try {
            return JsonFormat.printer().print(message) + "\n";
        } catch (InvalidProtocolBufferException e) {
            throw new UncheckedIOException(e);
        }
    }
}
