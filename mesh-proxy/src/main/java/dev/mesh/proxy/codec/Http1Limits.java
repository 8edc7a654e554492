package dev.mesh.proxy.codec;

/// What an HTTP/1 codec takes from its peer, and how it writes.
///
/// @param maxHeadBytes start line and headers together; also of trailers
/// @param maxHeaders count of headers
/// @param enableTrailers whether trailers are handed on; otherwise they are read and dropped (Envoy's default)
/// @param acceptHttp10 server only: otherwise HTTP/1.0 is answered with 426
/// @param defaultHostForHttp10 authority of an HTTP/1.0 request without Host; empty = refuse it
/// @param properCase whether header names are written `Like-This`; otherwise in lower case
public record Http1Limits(
        int maxHeadBytes,
        int maxHeaders,
        boolean enableTrailers,
        boolean acceptHttp10,
        String defaultHostForHttp10,
        boolean properCase) {
    /// Envoy's defaults.
    public static final Http1Limits DEFAULT = new Http1Limits(60 * 1024, 100, false, false, "", false);
}
