package dev.mesh.proxy.filter;

import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;
import io.netty.buffer.ByteBuf;

/// One filter of one stream. On the stream's event loop; never called after [#onDestroy].
public interface HttpFilter {
    /// What a filter says to what passes.
    enum Status {
        /// Hand it to the next filter.
        CONTINUE,
        /// Keep everything of this direction here until `continueRequest`/`continueResponse`.
        STOP
    }

    Status onRequestHead(RequestHead head, boolean end, HttpFilterContext context);

    default Status onRequestData(ByteBuf data, boolean end, HttpFilterContext context) {
        return Status.CONTINUE;
    }

    default Status onRequestTrailers(HeaderMap trailers, HttpFilterContext context) {
        return Status.CONTINUE;
    }

    default Status onResponseHead(ResponseHead head, boolean end, HttpFilterContext context) {
        return Status.CONTINUE;
    }

    default Status onResponseData(ByteBuf data, boolean end, HttpFilterContext context) {
        return Status.CONTINUE;
    }

    default Status onResponseTrailers(HeaderMap trailers, HttpFilterContext context) {
        return Status.CONTINUE;
    }

    /// Downstream takes more again (true) or is full (false). For terminal filters.
    default void onResponseWritable(boolean writable) {}

    /// What downstream sent in one go has been handed on. For terminal filters.
    default void onRequestReadComplete() {}

    /// The stream is over, however it ended.
    default void onDestroy() {}

    /// A checked configuration, ready to make one instance per stream.
    @FunctionalInterface
    interface Bound {
        HttpFilter newFilter();
    }
}
