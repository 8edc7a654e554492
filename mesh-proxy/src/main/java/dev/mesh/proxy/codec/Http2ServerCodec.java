package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.HeaderMap;
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
import io.netty.channel.socket.ChannelInputShutdownEvent;
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
    private @Nullable Http2KeepAlive keepAlive;
    private final Http2FloodGuard floods;

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
        this.floods = new Http2FloodGuard(limits.floods());
        this.streams = new Http2Streams(connection(), floods::sent);
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
            startKeepAlive(ctx);
        }
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) throws Exception {
        super.channelActive(ctx);
        growConnectionWindow();
        ctx.flush();
        ctx.read();
        startKeepAlive(ctx);
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

    private void startKeepAlive(ChannelHandlerContext ctx) {
        var settings = limits.keepAlive();
        if (settings != null) {
            keepAlive = new Http2KeepAlive(settings, ctx, encoder(), listener::onKeepAliveTimeout);
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
        if (keepAlive != null) {
            keepAlive.stop();
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

    // Netty closes the channel when the streams that are open have ended.
    private void finishDrain() {
        if (drainTimer != null) {
            drainTimer.cancel(false);
            drainTimer = null;
            ChannelHandlerContext ctx = streams.context();
            flush(ctx); // what streams have written goes before it
            goAway(
                    ctx,
                    connection().remote().lastStreamCreated(),
                    Http2Error.NO_ERROR.code(),
                    Unpooled.EMPTY_BUFFER,
                    ctx.newPromise());
            ctx.channel().close();
        }
    }

    // There is no half-close in HTTP/2: who sends no more frames has gone.
    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
        if (event instanceof ChannelInputShutdownEvent) {
            ctx.close();
        }
        super.userEventTriggered(ctx, event);
    }

    @Override
    protected void onConnectionError(
            ChannelHandlerContext ctx, boolean outbound, Throwable cause, Http2Exception exception) {
        boolean flood = exception != null && exception.error() == Http2Error.ENHANCE_YOUR_CALM;
        if (flood || (exception != null && !outbound)) {
            listener.onProtocolError(
                    Protocol.HTTP_2,
                    0,
                    !flood ? VIOLATION : outbound ? "http2.outbound_frames_flood" : "http2.inbound_flood");
        }
        super.onConnectionError(ctx, outbound, cause, exception);
    }

    private void onHeaders(int streamId, Http2Headers block, boolean end) throws Http2Exception {
        Http2Streams.Half open = streams.find(streamId);
        if (open != null) {
            if (open.over) {
                return;
            }
            if (!end || open.hasReceivedEnd() || !streams.onTrailers(open, block)) {
                open.receiver().onReset(ResetReason.PROTOCOL_ERROR, VIOLATION);
                open.reset(ResetReason.PROTOCOL_ERROR);
                violated();
            }
            return;
        }
        floods.opened();
        var netty = connection().stream(streamId);
        if (netty == null) {
            return;
        }
        boolean tooMany = block.size() > limits.maxHeaders() + PSEUDO_HEADERS;
        RequestHead head = tooMany ? null : Http2Messages.request(block, limits.allowConnect());
        if (head == null) {
            streams.refuse(streamId, Http2Error.PROTOCOL_ERROR);
            if (tooMany || limits.streamErrors()) {
                listener.onProtocolError(Protocol.HTTP_2, 0, tooMany ? "http2.too_many_headers" : VIOLATION);
            }
            if (!tooMany) {
                violated();
            }
            return;
        }
        var stream = new Stream(streamId);
        streams.bind(netty, stream);
        if (end) {
            stream.receivedEnd();
        }
        streams.touchHead(stream);
        expectContinue(stream, head.headers());
        stream.receiver = listener.onRequest(stream, head, end);
    }

    // The proxy answers 100 itself, as Envoy does by default, and the expectation goes no further.
    private static void expectContinue(Stream stream, HeaderMap headers) {
        String expect = headers.get("expect");
        if (expect != null && expect.equalsIgnoreCase("100-continue")) {
            headers.remove("expect");
            stream.informational(new ResponseHead(100, new HeaderMap()));
        }
    }

    // One bad message ends the connection of its sender, unless that speaks for many.
    private void violated() throws Http2Exception {
        if (!limits.streamErrors()) {
            throw Http2Exception.connectionError(Http2Error.PROTOCOL_ERROR, VIOLATION);
        }
    }

    // What Netty finds wrong with a message, such as an upper case name: it resets the stream.
    @Override
    protected void onStreamError(
            ChannelHandlerContext ctx, boolean outbound, Throwable cause, Http2Exception.StreamException error) {
        if (Http2Streams.isLate(connection(), outbound, error)) {
            return;
        }
        if (!outbound) {
            streams.onBroken(error.streamId());
        }
        if (outbound || error.error() != Http2Error.PROTOCOL_ERROR) {
            super.onStreamError(ctx, outbound, cause, error);
        } else if (limits.streamErrors()) {
            listener.onProtocolError(Protocol.HTTP_2, 0, VIOLATION);
            super.onStreamError(ctx, false, cause, error);
        } else {
            onError(ctx, false, Http2Exception.connectionError(Http2Error.PROTOCOL_ERROR, VIOLATION));
        }
    }

    /// One request and its response.
    private final class Stream extends Http2Streams.Half implements ServerStream {
        private final int id;

        private StreamListener receiver = Nobody.YET;

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
        void onSentEndFirst() {
            // The response is out and the request is not yet in: the client may stop (RFC 9113 8.1).
            reset(ResetReason.LOCAL_RESET);
        }

        @Override
        void onReceivedEndFirst() {}

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

    /// Hears what happens to a stream while its request is being handed over: the answer to it may be written
    /// before the handing over has returned.
    private enum Nobody implements StreamListener {
        YET;

        @Override
        public void onData(ByteBuf data, boolean end) {
            data.release();
        }

        @Override
        public void onTrailers(HeaderMap trailers) {}

        @Override
        public void onReset(ResetReason reason, String detail) {}

        @Override
        public void onWritable(boolean writable) {}
    }

    private static final String VIOLATION = "http2.violation.of.messaging.rule";
    private static final int PSEUDO_HEADERS = 5;
    private static final long DRAIN_PING = 0x6d657368_64726e31L;

    private static final class Frames extends Http2FrameAdapter {
        @SuppressWarnings("NullAway.Init") // set right after construction
        private Http2ServerCodec codec;

        @Override
        public void onHeadersRead(
                ChannelHandlerContext ctx, int streamId, Http2Headers headers, int padding, boolean endOfStream)
                throws Http2Exception {
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
                boolean endOfStream)
                throws Http2Exception {
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
            } else if (codec.keepAlive != null) {
                codec.keepAlive.onAck(data);
            }
        }

        @Override
        public void onPriorityRead(
                ChannelHandlerContext ctx, int streamId, int streamDependency, short weight, boolean exclusive)
                throws Http2Exception {
            codec.floods.priority();
        }

        @Override
        public void onWindowUpdateRead(ChannelHandlerContext ctx, int streamId, int increment) throws Http2Exception {
            codec.floods.windowUpdate();
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
            var settings = Http2Settings.defaultSettings()
                    .maxConcurrentStreams(limits.maxConcurrentStreams())
                    .initialWindowSize(limits.streamWindow())
                    .headerTableSize(limits.headerTableBytes())
                    .maxHeaderListSize(limits.maxHeaderBytes());
            if (limits.allowConnect()) {
                settings.connectProtocolEnabled(true);
            }
            initialSettings(settings);
            encoderEnforceMaxQueuedControlFrames(limits.floods().controlFrames());
            decoderEnforceMaxConsecutiveEmptyDataFrames(limits.floods().emptyFrames());
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
