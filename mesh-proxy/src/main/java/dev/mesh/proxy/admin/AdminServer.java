package dev.mesh.proxy.admin;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// The admin endpoint over HTTP. Bind it to loopback: it has no access control, as in Envoy.
public final class AdminServer implements AutoCloseable {
    private final HttpServer server;
    private final ExecutorService threads = Executors.newFixedThreadPool(
            2, Thread.ofPlatform().name("admin-", 0).daemon(true).factory());
    private final AdminHandlers handlers;

    private AdminServer(HttpServer server, AdminView view) {
        this.server = server;
        this.handlers = new AdminHandlers(view);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
    }

    /// @throws IOException if the address cannot be bound
    public static AdminServer start(InetSocketAddress address, AdminView view) throws IOException {
        var admin = new AdminServer(HttpServer.create(address, 64), view);
        admin.server.start();
        return admin;
    }

    public InetSocketAddress address() {
        return server.getAddress();
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            exchange.getRequestBody().readNBytes(1 << 20);
            AdminHandlers.Reply reply = handlers.handle(
                    exchange.getRequestMethod(),
                    exchange.getRequestURI().getPath(),
                    AdminHandlers.query(exchange.getRequestURI()));
            byte[] body = reply.body().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("content-type", reply.type());
            exchange.getResponseHeaders().set("cache-control", "no-cache, max-age=0");
            exchange.getResponseHeaders().set("x-content-type-options", "nosniff");
            exchange.sendResponseHeaders(reply.status(), body.length == 0 ? -1 : body.length);
            if (body.length > 0 && !exchange.getRequestMethod().equals("HEAD")) {
                exchange.getResponseBody().write(body);
            }
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
