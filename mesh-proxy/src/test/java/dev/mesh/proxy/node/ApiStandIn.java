package dev.mesh.proxy.node;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.SSLContext;

/// Some objects behind TLS and a token, as an API server has them.
final class ApiStandIn implements AutoCloseable {
    private final HttpsServer server;

    /// Path without the query → JSON.
    final Map<String, String> objects = new ConcurrentHashMap<>();

    /// What else was asked for: method, path, body.
    final List<String> asked = new CopyOnWriteArrayList<>();

    /// @param folder gets the account's token and root
    ApiStandIn(Path folder) throws Exception {
        X509Bundle root = new CertificateBuilder()
                .subject("CN=root")
                .setIsCertificateAuthority(true)
                .buildSelfSigned();
        X509Bundle own = new CertificateBuilder()
                .subject("CN=api")
                .addSanIpAddress("127.0.0.1")
                .buildIssuedBy(root);
        Files.writeString(folder.resolve("ca.crt"), root.getCertificatePEM());
        Files.writeString(folder.resolve("token"), "secret\n");
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own.toKeyManagerFactory().getKeyManagers(), null, null);
        server = HttpsServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        server.createContext("/", this::answer);
        server.start();
    }

    URI address() {
        return URI.create("https://127.0.0.1:" + server.getAddress().getPort());
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getPath();
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            int status = 200;
            String answer = "{}";
            if (!"Bearer secret".equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                status = 401;
                answer = "{\"message\": \"Unauthorized\"}";
            } else if (exchange.getRequestMethod().equals("GET")) {
                answer = objects.get(path);
                if (answer == null) {
                    status = 404;
                    answer = "{\"message\": \"" + path + " not found\"}";
                }
            } else {
                asked.add(exchange.getRequestMethod() + " " + path + " " + body);
            }
            byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
