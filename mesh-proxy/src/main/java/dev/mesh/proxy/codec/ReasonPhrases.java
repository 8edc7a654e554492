package dev.mesh.proxy.codec;

import io.netty.handler.codec.http.HttpResponseStatus;

/// What stands behind a status code in HTTP/1.
final class ReasonPhrases {
    private static final String[] BY_CODE = new String[600];

    static {
        for (int code = 100; code < 600; code++) {
            BY_CODE[code] = HttpResponseStatus.valueOf(code).reasonPhrase();
        }
    }

    private ReasonPhrases() {}

    static String of(int code) {
        return code >= 100 && code < 600 ? BY_CODE[code] : "Unknown";
    }
}
