package dev.mesh.proxy.codec;

import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;

/// Counts frames that cost a client nothing and move nothing, against what the connection has really done
/// (Envoy, HTTP/2 flood mitigation). Netty itself guards against RST_STREAM, CONTINUATION, empty DATA and
/// answers that nobody reads. Event loop only.
final class Http2FloodGuard {
    // A window may be so small that a frame carries no more than this, and each frame is worth its updates.
    private static final int SMALL_FRAME = 256;

    private final Http2Limits.Floods limits;
    private long opened;
    private long framesSent;
    private long priorities;
    private long windowUpdates;

    Http2FloodGuard(Http2Limits.Floods limits) {
        this.limits = limits;
    }

    /// A stream was opened.
    void opened() {
        opened++;
    }

    /// DATA was sent.
    void sent(int bytes) {
        framesSent += 1 + bytes / SMALL_FRAME;
    }

    void priority() throws Http2Exception {
        if (++priorities > limits.priorityFrames() * (1 + opened)) {
            throw Http2Exception.connectionError(Http2Error.ENHANCE_YOUR_CALM, "too many PRIORITY frames");
        }
    }

    void windowUpdate() throws Http2Exception {
        if (++windowUpdates > 5 + 2 * (opened + limits.windowUpdates() * framesSent)) {
            throw Http2Exception.connectionError(Http2Error.ENHANCE_YOUR_CALM, "too many WINDOW_UPDATE frames");
        }
    }
}
