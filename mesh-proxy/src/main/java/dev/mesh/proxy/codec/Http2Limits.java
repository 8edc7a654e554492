package dev.mesh.proxy.codec;

/// What an HTTP/2 codec allows its peer and announces in SETTINGS.
///
/// @param maxConcurrentStreams that the peer may open
/// @param streamWindow initial flow control window of a stream, bytes
/// @param connectionWindow of the whole connection, bytes, at least 65535
/// @param maxHeaderBytes size of a header list as HTTP/2 counts it
/// @param maxHeaders count of header fields
public record Http2Limits(
        int maxConcurrentStreams, int streamWindow, int connectionWindow, int maxHeaderBytes, int maxHeaders) {
    /// Envoy's defaults: 1024 streams, 16 MiB and 24 MiB windows, 60 KiB of headers.
    public static final Http2Limits DEFAULT = new Http2Limits(1024, 16 << 20, 24 << 20, 60 * 1024, 100);
}
