package dev.mesh.cli.local;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// Something that is asked until it is there.
public sealed interface Probe {
    int PATIENCE_MILLIS = 1000;

    /// Whether it is there, asked once.
    boolean passes();

    /// Connections are accepted.
    record Tcp(String address, int port) implements Probe {
        @Override
        public boolean passes() {
            try (var socket = new Socket()) {
                socket.connect(new InetSocketAddress(address, port), PATIENCE_MILLIS);
                return true;
            } catch (IOException e) {
                return false;
            }
        }
    }

    /// A GET is answered with 200 to 399.
    ///
    /// @param start what the body must start with; empty: any
    record Http(String address, int port, String path, String start) implements Probe {
        @Override
        public boolean passes() {
            return answer().filter(body -> body.startsWith(start)).isPresent();
        }

        /// The body of the answer; empty if there is none, or with another status.
        Optional<String> answer() {
            try {
                var url = URI.create("http://" + address + ":" + port + path).toURL();
                if (!(url.openConnection(Proxy.NO_PROXY) instanceof HttpURLConnection connection)) {
                    return Optional.empty();
                }
                connection.setConnectTimeout(PATIENCE_MILLIS);
                connection.setReadTimeout(PATIENCE_MILLIS);
                connection.setInstanceFollowRedirects(false);
                int status = connection.getResponseCode();
                if (status < 200 || status > 399) {
                    return Optional.empty();
                }
                try (var body = connection.getInputStream()) {
                    return Optional.of(new String(body.readAllBytes(), StandardCharsets.UTF_8));
                }
            } catch (IOException e) {
                return Optional.empty();
            }
        }
    }
}
