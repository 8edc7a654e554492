package dev.mesh.examples.shop;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/// `ShopService storefront|reviews`: one service of the shop, on 127.0.0.1 at `PORT`. It finds the others by
/// `<NAME>_URL`, the address to dial, and `<NAME>_AUTHORITY`, the host to ask for.
public final class ShopService {
    private ShopService() {}

    public static void main(String[] args) throws IOException {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 64);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        String workload = System.getenv().getOrDefault("WORKLOAD", "local");
        switch (args.length == 0 ? "" : args[0]) {
            case "storefront" ->
                server.createContext("/", exchange -> answer(exchange, storefront(exchange), workload));
            case "reviews" ->
                server.createContext(
                        "/", exchange -> answer(exchange, "Reviews by " + workload + ": very good", workload));
            default -> throw new IllegalArgumentException("say which service: storefront or reviews");
        }
        server.start();
    }

    private static String storefront(HttpExchange exchange) {
        String reviews;
        try {
            reviews = call("REVIEWS", "/reviews", exchange.getRequestHeaders().getFirst("x-user"));
        } catch (IOException e) {
            reviews = "reviews are not available (" + e.getMessage() + ")";
        }
        return "<!doctype html><title>Shop</title><h1>The shop</h1><p id=\"reviews\">" + reviews + "</p>\n";
    }

    // HTTP by hand: the JDK's client does not let a caller say another host than it dials.
    private static String call(String service, String path, @Nullable String user) throws IOException {
        var url = java.net.URI.create(System.getenv().getOrDefault(service + "_URL", "http://127.0.0.1:1"));
        String authority = System.getenv().getOrDefault(service + "_AUTHORITY", url.getAuthority());
        try (var socket = new Socket(url.getHost(), url.getPort())) {
            socket.setSoTimeout(5000);
            String request = "GET " + path + " HTTP/1.1\r\nHost: " + authority
                    + (user == null ? "" : "\r\nx-user: " + user.replaceAll("[\\r\\n]", ""))
                    + "\r\nConnection: close\r\n\r\n";
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            var reader = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            String status = reader.readLine();
            if (status == null || !status.contains(" 200 ")) {
                throw new IOException(String.valueOf(status));
            }
            var body = new StringBuilder();
            boolean inBody = false;
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                if (inBody) {
                    body.append(line);
                }
                inBody |= line.isEmpty();
            }
            return body.toString();
        }
    }

    private static void answer(HttpExchange exchange, String text, String workload) throws IOException {
        try (exchange) {
            byte[] body = text.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("content-type", "text/html; charset=UTF-8");
            exchange.getResponseHeaders().set("x-served-by", workload);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
        }
    }
}
