package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.StreamListener;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http2.Http2Connection;
import io.netty.handler.codec.http2.Http2ConnectionAdapter;
import io.netty.handler.codec.http2.Http2ConnectionHandler;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2Stream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// What both sides of HTTP/2 share: the state of each stream beside Netty's, flow control credited when data
/// has been taken on, and one flush a read. Event loop only.
final class Http2Streams {
    private final Http2Connection connection;
    private final Http2Connection.PropertyKey key;
    private final IntConsumer onDataSent;
    private final List<Half> touched = new ArrayList<>();

    @SuppressWarnings("NullAway.Init") // set when the codec is added to its pipeline
    private Http2ConnectionHandler codec;

    @SuppressWarnings("NullAway.Init")
    private ChannelHandlerContext context;

    /// @param onDataSent told how many bytes of DATA go out at a time
    Http2Streams(Http2Connection connection, IntConsumer onDataSent) {
        this.connection = connection;
        this.onDataSent = onDataSent;
        this.key = connection.newKey();
        connection.addListener(new Http2ConnectionAdapter() {
            @Override
            public void onStreamClosed(Http2Stream closed) {
                Half half = closed.getProperty(key);
                if (half != null) {
                    half.onClosed();
                }
            }
        });
    }

    void attach(Http2ConnectionHandler handler, ChannelHandlerContext ctx) {
        codec = handler;
        context = ctx;
        connection.remote().flowController().listener(changed -> {
            Half half = changed.getProperty(key);
            if (half != null) {
                half.onWritabilityChanged();
            }
        });
    }

    private boolean flushing;

    ChannelHandlerContext context() {
        return context;
    }

    void bind(Http2Stream stream, Half half) {
        half.stream = stream;
        stream.setProperty(key, half);
    }

    @Nullable
    Half find(int streamId) {
        Http2Stream stream = connection.stream(streamId);
        return stream == null ? null : stream.getProperty(key);
    }

    /// To be called when the bytes of one read have been handled.
    void readComplete() {
        if (touched.isEmpty()) {
            return;
        }
        for (int i = 0; i < touched.size(); i++) {
            Half half = touched.get(i);
            half.touched = false;
            if (!half.over) {
                half.receiver().onReadComplete();
            }
        }
        touched.clear();
    }

    // One system call for what all streams write while the event loop handles what came in.
    private void flushSoon() {
        if (!flushing) {
            flushing = true;
            context.executor().execute(this::flushNow);
        }
    }

    private void flushNow() {
        flushing = false;
        codec.flush(context);
    }

    private void touch(Half half) {
        if (!half.touched) {
            half.touched = true;
            touched.add(half);
        }
    }

    /// @return 0: the bytes are credited when the receiver does not pause
    int onData(int streamId, ByteBuf data, int padding, boolean end) {
        Half half = find(streamId);
        int size = data.readableBytes() + padding;
        if (half == null || half.over) {
            return size;
        }
        touch(half);
        half.unconsumed += size;
        if (end) {
            half.receivedEnd = true;
        }
        half.receiver().onData(data.retain(), end);
        half.credit();
        half.settle();
        return 0;
    }

    /// @return false if these are no trailers
    boolean onTrailers(Half half, Http2Headers block) {
        HeaderMap trailers = Http2Messages.trailers(block);
        if (trailers == null) {
            return false;
        }
        touch(half);
        half.receivedEnd = true;
        half.receiver().onTrailers(trailers);
        half.settle();
        return true;
    }

    void touchHead(Half half) {
        touch(half);
    }

    void onRst(int streamId, long errorCode) {
        Half half = find(streamId);
        if (half != null && !half.over) {
            half.over = true;
            half.receiver()
                    .onReset(
                            errorCode == Http2Error.REFUSED_STREAM.code()
                                    ? ResetReason.REMOTE_REFUSED
                                    : ResetReason.REMOTE_RESET,
                            "http2.remote_reset");
            half.onEnded();
        }
    }

    /// Whether an error says no more than that a frame came for a stream that has been reset: it was on its way
    /// then, and is no reason for another RST_STREAM (RFC 9113 5.1).
    static boolean isLate(Http2Connection connection, boolean outbound, Http2Exception.StreamException error) {
        return !outbound && error.error() == Http2Error.STREAM_CLOSED && connection.stream(error.streamId()) == null;
    }

    /// Netty has found the peer's message broken, and resets the stream next.
    void onBroken(int streamId) {
        Half half = find(streamId);
        if (half != null && !half.over) {
            half.over = true;
            half.receiver().onReset(ResetReason.PROTOCOL_ERROR, "http2.violation.of.messaging.rule");
            half.onEnded();
        }
    }

    void refuse(int streamId, Http2Error error) {
        codec.resetStream(context, streamId, error.code(), context.newPromise());
        codec.flush(context);
    }

    /// One stream's sending half and the bookkeeping of its receiving half.
    abstract class Half {
        private @Nullable Http2Stream stream;
        private boolean touched;
        private boolean sentEnd;
        private boolean receivedEnd;
        private int unconsumed;
        private int pauses;
        private boolean writable = true;
        boolean over;

        abstract StreamListener receiver();

        /// The stream is over, in order or not. Once.
        abstract void onEnded();

        /// All was sent, and the peer still sends. Called when the end has been written out.
        abstract void onSentEndFirst();

        /// All has come, and this side still sends.
        abstract void onReceivedEndFirst();

        final boolean hasReceivedEnd() {
            return receivedEnd;
        }

        final void receivedEnd() {
            receivedEnd = true;
        }

        private int id() {
            return stream == null ? 0 : stream.id();
        }

        final void writeHead(Http2Headers block, boolean end, int streamId) {
            if (end) {
                sentEnd = true;
            }
            codec.encoder()
                    .writeHeaders(context, streamId, block, 0, end, context.newPromise())
                    .addListener(done -> {
                        if (!done.isSuccess() && !over) {
                            over = true;
                            boolean refused = done.cause() instanceof Http2Exception refusal
                                    && refusal.error() == Http2Error.REFUSED_STREAM;
                            receiver()
                                    .onReset(
                                            refused ? ResetReason.REMOTE_REFUSED : ResetReason.LOCAL_RESET,
                                            "http2.write_failed");
                            onEnded();
                        } else if (end) {
                            sentEndIsOut();
                        }
                    });
            settle();
        }

        public final void data(ByteBuf data, boolean end) {
            if (over || sentEnd || stream == null) {
                data.release();
                return;
            }
            sentEnd = end;
            onDataSent.accept(data.readableBytes());
            codec.encoder().writeData(context, id(), data, 0, end, promise(end));
            settle();
        }

        public final void trailers(HeaderMap trailers) {
            if (over || sentEnd || stream == null) {
                return;
            }
            sentEnd = true;
            codec.encoder().writeHeaders(context, id(), Http2Messages.block(trailers), 0, true, promise(true));
            settle();
        }

        public final void reset(ResetReason reason) {
            if (over) {
                return;
            }
            over = true;
            Http2Error error = switch (reason) {
                case PROTOCOL_ERROR -> Http2Error.PROTOCOL_ERROR;
                case REMOTE_REFUSED -> Http2Error.REFUSED_STREAM;
                case EXCESSIVE_LOAD -> Http2Error.ENHANCE_YOUR_CALM;
                case LOCAL_RESET,
                        REMOTE_RESET,
                        CONNECTION_FAILURE,
                        CONNECTION_TIMEOUT,
                        CONNECTION_TERMINATION,
                        OVERFLOW ->
                    // A response that ended before its request: the peer may stop sending (RFC 9113 8.1).
                    sentEnd ? Http2Error.NO_ERROR : Http2Error.CANCEL;
            };
            releaseWindow();
            if (stream != null) {
                codec.resetStream(context, id(), error.code(), context.newPromise());
                codec.flush(context);
            }
            onEnded();
        }

        public final boolean isWritable() {
            return !over
                    && stream != null
                    && connection.remote().flowController().isWritable(stream)
                    && context.channel().isWritable();
        }

        public final void pauseReading(boolean pause) {
            pauses += pause ? 1 : -1;
            if (credit()) {
                codec.flush(context);
            }
        }

        public final void flush() {
            flushSoon();
        }

        private boolean credit() {
            if (pauses > 0 || unconsumed == 0 || stream == null) {
                return false;
            }
            int bytes = unconsumed;
            unconsumed = 0;
            try {
                return connection.local().flowController().consumeBytes(stream, bytes);
            } catch (Http2Exception e) {
                codec.onError(context, true, e);
                return false;
            }
        }

        private void releaseWindow() {
            pauses = 0;
            credit();
        }

        private void onWritabilityChanged() {
            boolean now = isWritable();
            if (now != writable && !over) {
                writable = now;
                var to = receiver();
                if (to != null) { // a stream that nobody listens to yet, or any more
                    to.onWritable(now);
                }
            }
        }

        // An end may wait for the peer's window. What is to happen when it is out must not come before.
        private ChannelPromise promise(boolean end) {
            ChannelPromise written = context.newPromise();
            if (end) {
                written.addListener(done -> sentEndIsOut());
            }
            return written;
        }

        private void sentEndIsOut() {
            if (!over && !receivedEnd) {
                onSentEndFirst();
            }
        }

        final void settle() {
            if (over || !receivedEnd) {
                return;
            }
            if (sentEnd) {
                over = true;
                onEnded();
            } else {
                onReceivedEndFirst();
            }
        }

        private void onClosed() {
            releaseWindow();
            if (!over) {
                over = true;
                boolean refused = connection.goAwayReceived()
                        && connection.local().lastStreamKnownByPeer() >= 0
                        && id() > connection.local().lastStreamKnownByPeer();
                receiver()
                        .onReset(
                                refused ? ResetReason.REMOTE_REFUSED : ResetReason.CONNECTION_TERMINATION,
                                "connection_termination");
                onEnded();
            }
        }
    }
}
