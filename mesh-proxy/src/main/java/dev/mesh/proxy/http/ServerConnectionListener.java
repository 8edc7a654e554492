package dev.mesh.proxy.http;

import org.jspecify.annotations.Nullable;

/// Hears what happens on a downstream connection.
public interface ServerConnectionListener {
    /// A request began.
    ///
    /// @return who hears the rest of it
    StreamListener onRequest(ServerStream stream, RequestHead head, boolean end);

    /// The codec refused a request before it was one, and has answered (HTTP/1) or reset it (HTTP/2) itself.
    ///
    /// @param status what was answered; 0 if the connection or stream was just closed
    /// @param detail Envoy's response code detail, such as `http1.codec_error`
    void onProtocolError(Protocol protocol, int status, String detail);

    /// The value of the `server` header in what the codec answers itself; null: none.
    default @Nullable String serverHeader() {
        return null;
    }

    /// The first bytes of a request have come, and not yet its head's end: it may be waited for only so long.
    default void onHeadBegun() {}

    /// The connection had to be closed before the client had taken the end of the last response.
    default void onDelayedCloseTimeout() {}

    /// The client did not answer a PING in time; the connection is being closed.
    default void onKeepAliveTimeout() {}

    /// The connection is gone; every open stream heard `onReset` before.
    void onClosed();
}
