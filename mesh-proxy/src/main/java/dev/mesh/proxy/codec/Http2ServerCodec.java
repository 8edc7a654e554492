package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.http.ServerConnectionListener;
import dev.mesh.proxy.http.ServerStream;
import dev.mesh.proxy.http.StreamListener;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.AbstractHttp2ConnectionHandlerBuilder;
import io.netty.handler.codec.http2.Http2ConnectionDecoder;
import io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.netty.handler.codec.http2.Http2ConnectionHandler;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameAdapter;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The server side of HTTP/2 (RFC 9113). Netty reads and writes frames and enforces its flood limits; streams
/// and flow control are ours.
public final class Http2ServerCodec extends Http2ConnectionHandler {
    private final Http2Limits limits;
    private final Http2Streams streams;
    private final Function<ChannelHandlerContext, ServerConnectionListener> listeners;

    @SuppressWarnings("NullAway.Init") // set in handlerAdded
    private ServerConnectionListener listener;

    private final long drainMillis;
    private boolean draining;
    private @Nullable ScheduledFuture<?> drainTimer;

    private Http2ServerCodec(
            Http2ConnectionDecoder decoder,
            Http2ConnectionEncoder encoder,
            Http2Settings settings,
            Http2Limits limits,
            long drainMillis,
            Function<ChannelHandlerContext, ServerConnectionListener> listeners) {
        super(decoder, encoder, settings);
        this.limits = limits;
        this.drainMillis = drainMillis;
        this.listeners = listeners;
        this.streams = new Http2Streams(connection());
    }

    /// @param drainMillis how long a client may take to hear that the connection goes
    /// @param listeners makes the connection's listener when the codec is added
    public static Http2ServerCodec create(
            Http2Limits limits, long drainMillis, Function<ChannelHandlerContext, ServerConnectionListener> listeners) {
        return new Builder(limits, drainMillis, listeners).build();
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) throws Exception {
        streams.attach(this, ctx);
        listener = listeners.apply(ctx);
        super.handlerAdded(ctx);
        if (ctx.channel().isActive()) {
            growConnectionWindow();
            ctx.flush();
            ctx.read();
        }
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) throws Exception {
        super.channelActive(ctx);
        growConnectionWindow();
        ctx.flush();
        ctx.read();
    }

    private void growConnectionWindow() throws Http2Exception {
        int more = limits.connectionWindow() - 65535;
        if (more > 0) {
            connection()
                    .local()
                    .flowController()
                    .incrementWindowSize(connection().connectionStream(), more);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) throws Exception {
        streams.readComplete();
        super.channelReadComplete(ctx);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) throws Exception {
        super.channelInactive(ctx);
        if (drainTimer != null) {
            drainTimer.cancel(false);
            drainTimer = null;
        }
        listener.onClosed();
    }

    /// How many requests are under way.
    public int activeStreams() {
        return connection().numActiveStreams();
    }

    /// Tells the client to open no more streams, and ends the connection when the open ones are done: GOAWAY
    /// with the highest id, and a PING. What the client sent before it heard of it has come when it answers the
    /// PING (or when the drain timeout has passed), so that the last GOAWAY and the end lose no request.
    public void drain() {
        if (draining) {
            return;
        }
        draining = true;
        ChannelHandlerContext ctx = streams.context();
        goAway(ctx, Integer.MAX_VALUE, Http2Error.NO_ERROR.code(), Unpooled.EMPTY_BUFFER, ctx.newPromise());
        encoder().writePing(ctx, false, DRAIN_PING, ctx.newPromise());
        ctx.flush();
        drainTimer = ctx.executor().schedule(this::finishDrain, drainMillis, TimeUnit.MILLISECONDS);
    }

    // Netty sends the last GOAWAY when the channel is closed, and waits for the streams that are open.
    private void finishDrain() {
        if (drainTimer != null) {
            drainTimer.cancel(false);
            drainTimer = null;
            streams.context().channel().close();
        }
    }

    @Override
    protected void onConnectionError(
            ChannelHandlerContext ctx, boolean outbound, Throwable cause, Http2Exception exception) {
        if (exception != null && !outbound) {
            listener.onProtocolError(
                    Protocol.HTTP_2,
                    0,
                    exception.error() == Http2Error.ENHANCE_YOUR_CALM
                            ? "http2.inbound_flood"
                            : "http2.violation.of.messaging.rule");
        }
        super.onConnectionError(ctx, outbound, cause, exception);
    }

    private void onHeaders(int streamId, Http2Headers block, boolean end) {
        Http2Streams.Half open = streams.find(streamId);
        if (open != null) {
            if (!end || open.hasReceivedEnd()) {
                open.receiver().onReset(ResetReason.PROTOCOL_ERROR, "http2.violation.of.messaging.rule");
                open.reset(ResetReason.PROTOCOL_ERROR);
                return;
            }
            streams.onTrailers(open, block);
            return;
        }
        var netty = connection().stream(streamId);
        if (netty == null) {
            return;
        }
        RequestHead head = block.size() > limits.maxHeaders() + 4 ? null : Http2Messages.request(block);
        if (head == null) {
            listener.onProtocolError(
                    Protocol.HTTP_2,
                    0,
                    block.size() > limits.maxHeaders() + 4
                            ? "http2.too_many_headers"
                            : "http2.violation.of.messaging.rule");
            streams.refuse(streamId, Http2Error.PROTOCOL_ERROR);
            return;
        }
        var stream = new Stream(streamId);
        streams.bind(netty, stream);
        if (end) {
            stream.receivedEnd();
        }
        streams.touchHead(stream);
        stream.receiver = listener.onRequest(stream, head, end);
    }

    /// One request and its response.
    private final class Stream extends Http2Streams.Half implements ServerStream {
        private final int id;

        @SuppressWarnings("NullAway.Init") // set when the listener has been asked for
        private StreamListener receiver;

        private boolean responded;

        private Stream(int id) {
            streams.super();
            this.id = id;
        }

        @Override
        StreamListener receiver() {
            return receiver;
        }

        @Override
        void onEnded() {}

        @Override
        public void informational(ResponseHead head) {
            if (!over && !responded) {
                writeHead(Http2Messages.block(head), false, id);
                flush();
            }
        }

        @Override
        public void response(ResponseHead head, boolean end) {
            if (!over && !responded) {
                responded = true;
                writeHead(Http2Messages.block(head), end, id);
            }
        }

        @Override
        public void drainConnection() {
            drain();
        }
    }

    private static final long DRAIN_PING = 0x6d657368_64726e31L;

    private static final class Frames extends Http2FrameAdapter {
        @SuppressWarnings("NullAway.Init") // set right after construction
        private Http2ServerCodec codec;

        @Override
        public void onHeadersRead(
                ChannelHandlerContext ctx, int streamId, Http2Headers headers, int padding, boolean endOfStream) {
            codec.onHeaders(streamId, headers, endOfStream);
        }

        @Override
        public void onHeadersRead(
                ChannelHandlerContext ctx,
                int streamId,
                Http2Headers headers,
                int streamDependency,
                short weight,
                boolean exclusive,
                int padding,
                boolean endOfStream) {
            codec.onHeaders(streamId, headers, endOfStream);
        }

        @Override
        public int onDataRead(ChannelHandlerContext ctx, int streamId, ByteBuf data, int padding, boolean end) {
            return codec.streams.onData(streamId, data, padding, end);
        }

        @Override
        public void onRstStreamRead(ChannelHandlerContext ctx, int streamId, long errorCode) {
            codec.streams.onRst(streamId, errorCode);
        }

        @Override
        public void onPingAckRead(ChannelHandlerContext ctx, long data) {
            if (data == DRAIN_PING) {
                codec.finishDrain();
            }
        }
    }

    private static final class Builder extends AbstractHttp2ConnectionHandlerBuilder<Http2ServerCodec, Builder> {
        private final Http2Limits limits;
        private final long drainMillis;
        private final Function<ChannelHandlerContext, ServerConnectionListener> listeners;
        private final Frames frames = new Frames();

        private Builder(
                Http2Limits limits,
                long drainMillis,
                Function<ChannelHandlerContext, ServerConnectionListener> listeners) {
            this.limits = limits;
            this.drainMillis = drainMillis;
            this.listeners = listeners;
            server(true);
            // Streams that are open when a drain ends: as long as Envoy lets a drained listener's connections be.
            gracefulShutdownTimeoutMillis(TimeUnit.MINUTES.toMillis(10));
            frameListener(frames);
            validateHeaders(true);
            initialSettings(Http2Settings.defaultSettings()
                    .maxConcurrentStreams(limits.maxConcurrentStreams())
                    .initialWindowSize(limits.streamWindow())
                    .maxHeaderListSize(limits.maxHeaderBytes()));
            encoderEnforceMaxQueuedControlFrames(1000);
            decoderEnforceMaxConsecutiveEmptyDataFrames(1);
            // Rapid reset, and its twin in which the client makes the server reset.
            decoderEnforceMaxRstFramesPerWindow(1000, 30);
            encoderEnforceMaxRstFramesPerWindow(1000, 30);
            encoderIgnoreMaxHeaderListSize(true);
        }

        @Override
        protected Http2ServerCodec build() {
            return super.build();
        }

        @Override
        protected Http2ServerCodec build(
                Http2ConnectionDecoder decoder, Http2ConnectionEncoder encoder, Http2Settings settings) {
            var codec = new Http2ServerCodec(decoder, encoder, settings, limits, drainMillis, listeners);
            frames.codec = codec;
            return codec;
        }
    }
}
