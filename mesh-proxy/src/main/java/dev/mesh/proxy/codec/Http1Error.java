package dev.mesh.proxy.codec;

/// A peer broke the rules of HTTP/1. Without a stack trace: it is made on the hot path of an attack.
final class Http1Error extends Exception {
    private static final long serialVersionUID = 1;

    final int status;

    /// @param status what a server answers
    /// @param detail Envoy's response code detail
    Http1Error(int status, String detail) {
        super(detail, null, false, false);
        this.status = status;
    }

    static Http1Error malformed() {
        return new Http1Error(400, "http1.codec_error");
    }

    String detail() {
        String detail = getMessage();
        return detail == null ? "http1.codec_error" : detail;
    }
}
