package dev.mesh.proxy.codec;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// What an HTTP/2 codec allows its peer and announces in SETTINGS.
///
/// @param maxConcurrentStreams that the peer may open
/// @param streamWindow initial flow control window of a stream, bytes
/// @param connectionWindow of the whole connection, bytes, at least 65535
/// @param maxHeaderBytes size of a header list as HTTP/2 counts it
/// @param maxHeaders count of header fields
/// @param headerTableBytes of the table that header blocks are read with (HPACK)
/// @param allowConnect server only: whether extended CONNECT (RFC 8441) is taken
/// @param streamErrors whether a message that breaks the rules ends its stream only; otherwise its connection
/// @param keepAlive null = the connection is not probed
public record Http2Limits(
        int maxConcurrentStreams,
        int streamWindow,
        int connectionWindow,
        int maxHeaderBytes,
        int maxHeaders,
        int headerTableBytes,
        boolean allowConnect,
        boolean streamErrors,
        Floods floods,
        @Nullable KeepAlive keepAlive) {
    /// Envoy's defaults: 1024 streams, 16 MiB and 24 MiB windows, 60 KiB of headers.
    public static final Http2Limits DEFAULT =
            new Http2Limits(1024, 16 << 20, 24 << 20, 60 * 1024, 100, 4096, false, false, Floods.DEFAULT, null);

    /// How much of what costs the peer nothing is taken before the connection is closed (ENHANCE_YOUR_CALM).
    ///
    /// @param controlFrames answers (to PING, SETTINGS, ...) that wait because the peer does not read them
    /// @param emptyFrames in a row, of DATA without bytes
    /// @param priorityFrames for each stream that was opened, and one more
    /// @param windowUpdates for each frame of DATA that was sent
    public record Floods(int controlFrames, int emptyFrames, int priorityFrames, int windowUpdates) {
        public static final Floods DEFAULT = new Floods(1000, 1, 100, 10);
    }

    /// PING now and then; a peer that does not answer in time is gone.
    ///
    /// @param jitterPercent of the interval, by which it is lengthened at random
    public record KeepAlive(Duration interval, Duration timeout, double jitterPercent) {}
}
