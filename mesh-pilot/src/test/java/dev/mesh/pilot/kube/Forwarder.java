package dev.mesh.pilot.kube;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// A port in front of a server, which can be closed with all its connections and opened again: the server is away, as
/// far as its clients can tell.
final class Forwarder implements AutoCloseable {
    private volatile int target;
    private final int port;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private @Nullable ServerSocket server;

    Forwarder(int target) throws IOException {
        this.target = target;
        port = listen(0).getLocalPort();
    }

    int port() {
        return port;
    }

    void open() throws IOException {
        listen(port);
    }

    /// From now on another server is behind it.
    void lead(int to) {
        target = to;
    }

    private ServerSocket listen(int at) throws IOException {
        var listening = new ServerSocket();
        listening.setReuseAddress(true);
        listening.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), at));
        server = listening;
        Thread.ofVirtual().start(() -> {
            while (!listening.isClosed()) {
                try {
                    Socket from = listening.accept();
                    Socket to = new Socket(InetAddress.getLoopbackAddress(), target);
                    sockets.add(from);
                    sockets.add(to);
                    Thread.ofVirtual().start(() -> copy(from, to));
                    Thread.ofVirtual().start(() -> copy(to, from));
                } catch (IOException e) {
                    return; // closed
                }
            }
        });
        return listening;
    }

    private static void copy(Socket from, Socket to) {
        try (from;
                to) {
            from.getInputStream().transferTo(to.getOutputStream());
        } catch (IOException e) {
            // one side is gone, and so is the other
        }
    }

    @Override
    public void close() throws IOException {
        cut();
    }

    /// Ends all connections, and takes no more.
    void cut() throws IOException {
        ServerSocket listening = server;
        if (listening != null) {
            listening.close();
        }
        for (Socket socket : sockets) {
            socket.close();
        }
        sockets.clear();
    }
}
