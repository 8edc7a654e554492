package dev.mesh.proxy.agent;

import java.time.Duration;
import java.util.List;

/// What the kubelet would ask the application, had the injector not put the proxy in between.
///
/// @param timeout of the whole question
public record AppProbe(Kind kind, Duration timeout) {
    /// How it is asked.
    public sealed interface Kind {
        /// @param scheme `http` or `https`; certificates are not verified, as the kubelet does not
        /// @param host empty = the pod
        record Http(String scheme, String host, int port, String path, List<Header> headers) implements Kind {}

        /// Whether a connection can be opened.
        ///
        /// @param host empty = the pod
        record Tcp(String host, int port) implements Kind {}

        /// `grpc.health.v1.Health/Check`.
        ///
        /// @param service may be empty
        record Grpc(int port, String service) implements Kind {}
    }

    /// One header of a request.
    public record Header(String name, String value) {}
}
