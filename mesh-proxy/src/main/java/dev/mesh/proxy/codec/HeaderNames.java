package dev.mesh.proxy.codec;

import java.nio.charset.StandardCharsets;

/// Header names as they come over and over: found by their bytes without making a string.
final class HeaderNames {
    private static final String[] COMMON = {
        "accept",
        "accept-encoding",
        "accept-language",
        "accept-ranges",
        "access-control-allow-origin",
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "cookie",
        "date",
        "etag",
        "expect",
        "expires",
        "grpc-encoding",
        "grpc-message",
        "grpc-status",
        "grpc-timeout",
        "host",
        "if-modified-since",
        "if-none-match",
        "keep-alive",
        "last-modified",
        "location",
        "origin",
        "proxy-connection",
        "range",
        "referer",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-websocket-accept",
        "sec-websocket-key",
        "sec-websocket-version",
        "server",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "vary",
        "via",
        "www-authenticate",
        "x-b3-traceid",
        "x-envoy-attempt-count",
        "x-envoy-decorator-operation",
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-peer-metadata",
        "x-envoy-peer-metadata-id",
        "x-envoy-upstream-service-time",
        "x-forwarded-client-cert",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
        "traceparent",
        "tracestate",
        "user",
        "end-user",
    };
    private static final int SLOTS = 256;
    private static final String[] TABLE = new String[SLOTS];
    private static final byte[][] BYTES = new byte[SLOTS][];

    static {
        for (String name : COMMON) {
            byte[] bytes = name.getBytes(StandardCharsets.ISO_8859_1);
            int slot = slot(bytes, 0, bytes.length);
            while (TABLE[slot] != null) {
                slot = (slot + 1) & (SLOTS - 1);
            }
            TABLE[slot] = name;
            BYTES[slot] = bytes;
        }
    }

    private HeaderNames() {}

    /// The name in these bytes, which are lower case already.
    static String of(byte[] bytes, int from, int to) {
        int length = to - from;
        for (int slot = slot(bytes, from, to); ; slot = (slot + 1) & (SLOTS - 1)) {
            byte[] candidate = BYTES[slot];
            if (candidate == null) {
                return new String(bytes, from, length, StandardCharsets.ISO_8859_1);
            }
            if (candidate.length == length && java.util.Arrays.equals(candidate, 0, length, bytes, from, to)) {
                return TABLE[slot];
            }
        }
    }

    private static int slot(byte[] bytes, int from, int to) {
        int length = to - from;
        int hash = length * 31 + bytes[from];
        hash = hash * 31 + bytes[to - 1];
        hash = hash * 31 + bytes[from + (length >> 1)];
        return (hash ^ (hash >>> 8)) & (SLOTS - 1);
    }
}
