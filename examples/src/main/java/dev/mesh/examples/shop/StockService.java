package dev.mesh.examples.shop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// How many there are of each product, by lines over TCP: `GET mug` is answered with `12`, what is not known with
/// `?`. A connection takes any number of lines.
final class StockService {
    private final Map<String, Integer> available = new ConcurrentHashMap<>();

    private StockService() {
        Products.ALL.forEach(product -> available.put(product.getId(), 3 + product.getCents() % 17));
    }

    static Running start(int port) throws IOException {
        var service = new StockService();
        var server = new ServerSocket(port, 64, Web.address(port).getAddress());
        Thread.ofPlatform().name("stock").start(() -> service.accept(server));
        return new Running() {
            @Override
            public int port() {
                return server.getLocalPort();
            }

            @Override
            public void close() {
                Shop.closeAll(server);
            }
        };
    }

    /// Asks a stock.
    ///
    /// @param peer `host:port`
    static int ask(String peer, String product) throws IOException {
        int colon = peer.lastIndexOf(':');
        try (var socket = new Socket(peer.substring(0, colon), Integer.parseInt(peer.substring(colon + 1)))) {
            socket.setSoTimeout(3000);
            socket.getOutputStream().write(("GET " + product + "\n").getBytes(StandardCharsets.UTF_8));
            var answers = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            String answer = answers.readLine();
            if (answer == null || !answer.matches("[0-9]{1,6}")) {
                throw new IOException("the stock answered " + answer);
            }
            return Integer.parseInt(answer);
        }
    }

    private void accept(ServerSocket server) {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                Thread.ofVirtual().start(() -> serve(socket));
            } catch (IOException e) {
                if (!server.isClosed()) {
                    Shop.say("stock: " + e.getMessage());
                }
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            var lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                Integer count = line.startsWith("GET ") ? available.get(line.substring(4)) : null;
                socket.getOutputStream().write(((count == null ? "?" : count) + "\n").getBytes(StandardCharsets.UTF_8));
            }
        } catch (IOException e) {
            Shop.say("stock: a caller went: " + e.getMessage());
        }
    }
}
