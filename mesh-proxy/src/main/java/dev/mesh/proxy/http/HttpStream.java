package dev.mesh.proxy.http;

import io.netty.buffer.ByteBuf;

/// The sending half of a stream, and control over the receiving half. All methods on the connection's event
/// loop; nothing is sent after an end or a reset, and such calls only release what they are given.
///
/// Writes are gathered and flushed once per read of the other side; who writes outside of a read calls
/// [#flush].
public interface HttpStream {
    /// Takes over `data`.
    void data(ByteBuf data, boolean end);

    /// Ends the message.
    void trailers(HeaderMap trailers);

    /// Ends the stream in both directions. HTTP/1 closes the connection.
    void reset(ResetReason reason);

    /// Whether the peer takes more; when it turns, the listener hears `onWritable`. Writes are never refused.
    boolean isWritable();

    /// Stops or resumes the delivery of data. Counted: as many resumes as pauses are needed. While paused the
    /// peer is not given more than the stream's window (HTTP/2) or nothing is read from the socket (HTTP/1).
    void pauseReading(boolean pause);

    void flush();
}
