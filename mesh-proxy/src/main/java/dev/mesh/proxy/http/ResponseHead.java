package dev.mesh.proxy.http;

/// The head of a response; see [RequestHead] for what is not among the headers. Mutable, for one event loop.
public final class ResponseHead {
    private int status;
    private final HeaderMap headers;

    public ResponseHead(int status, HeaderMap headers) {
        this.status = status;
        this.headers = headers;
    }

    public int status() {
        return status;
    }

    public void status(int to) {
        status = to;
    }

    public HeaderMap headers() {
        return headers;
    }

    /// 1xx but 101: more heads follow.
    public boolean isInformational() {
        return status < 200 && status != 101;
    }
}
