package dev.mesh.proxy.http;

import io.netty.buffer.ByteBuf;

/// The receiving half of a stream. Called on the connection's event loop, never after an end or a reset.
public interface StreamListener {
    /// Takes over `data`.
    void onData(ByteBuf data, boolean end);

    /// Ends the message.
    void onTrailers(HeaderMap trailers);

    /// The stream ended in both directions before its time.
    ///
    /// @param detail Envoy's response code detail, such as `http1.codec_error` or `connection_termination`
    void onReset(ResetReason reason, String detail);

    /// The peer takes more again (true) or is full (false).
    void onWritable(boolean writable);

    /// What was read from the socket in one go has been delivered: a good time to flush what was made of it.
    default void onReadComplete() {}
}
