package dev.mesh.proxy.boot;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/// A server on a free loopback port that plays the same script on each connection, in a thread of its own.
final class ScriptedUpstream implements AutoCloseable {
    /// What happens on one connection; it is closed when this returns.
    interface Script {
        void play(Peer peer) throws IOException;
    }

    private final ServerSocket server;
    private final AtomicInteger accepted = new AtomicInteger();
    private final List<Peer> peers = new CopyOnWriteArrayList<>();
    private final List<String> problems = new CopyOnWriteArrayList<>();

    ScriptedUpstream(Script script) throws IOException {
        this(new ServerSocket(0, 64, InetAddress.getLoopbackAddress()), script);
    }

    /// Answers each request without a body, with 200 and this text.
    static ScriptedUpstream answering(String body) throws IOException {
        return new ScriptedUpstream(peer -> {
            while (true) {
                peer.readHead();
                peer.write("HTTP/1.1 200 OK\r\ncontent-length: " + body.length() + "\r\n\r\n" + body);
            }
        });
    }

    /// @param server closed with this
    ScriptedUpstream(ServerSocket server, Script script) {
        this.server = server;
        Thread.ofVirtual().start(() -> {
            while (!server.isClosed()) {
                try {
                    Peer peer = new Peer(server.accept());
                    accepted.incrementAndGet();
                    peers.add(peer);
                    Thread.ofVirtual().start(() -> play(script, peer));
                } catch (IOException e) {
                    return; // closed
                }
            }
        });
    }

    private void play(Script script, Peer peer) {
        try (peer) {
            script.play(peer);
        } catch (IOException e) {
            problems.add(e.toString());
        }
    }

    int port() {
        return server.getLocalPort();
    }

    /// How many connections were made to it.
    int accepted() {
        return accepted.get();
    }

    /// What went wrong on its connections so far: the text of each exception.
    List<String> problems() {
        return problems;
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Peer peer : peers) {
            peer.close();
        }
    }
}
