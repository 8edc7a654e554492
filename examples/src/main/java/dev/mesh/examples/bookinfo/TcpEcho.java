package dev.mesh.examples.bookinfo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/// Answers each line with a word before it, over TCP.
final class TcpEcho {
    private TcpEcho() {}

    /// @param port 0: any
    /// @return the port it listens on
    static int start(String word, int port) throws IOException {
        var server = new ServerSocket(port, 64, Web.address(port).getAddress());
        Thread.ofPlatform().name("tcp-echo").daemon(true).start(() -> accept(server, word));
        return server.getLocalPort();
    }

    private static void accept(ServerSocket server, String word) {
        while (true) {
            try {
                Socket socket = server.accept();
                Thread.ofVirtual().start(() -> serve(socket, word));
            } catch (IOException e) {
                Bookinfo.say("tcp-echo: " + e.getMessage());
            }
        }
    }

    private static void serve(Socket socket, String word) {
        try (socket) {
            var lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                socket.getOutputStream().write((word + " " + line + "\n").getBytes(StandardCharsets.UTF_8));
            }
        } catch (IOException e) {
            Bookinfo.say("tcp-echo: a caller went: " + e.getMessage());
        }
    }
}
