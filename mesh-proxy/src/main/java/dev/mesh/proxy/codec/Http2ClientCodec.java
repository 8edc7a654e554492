package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.ClientConnection;
import dev.mesh.proxy.http.ClientStream;
import dev.mesh.proxy.http.ClientStreamListener;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.http.StreamListener;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http2.AbstractHttp2ConnectionHandlerBuilder;
import io.netty.handler.codec.http2.Http2ConnectionDecoder;
import io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.netty.handler.codec.http2.Http2ConnectionHandler;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameAdapter;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2Settings;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The client side of HTTP/2: many streams on one connection. Event loop only.
public final class Http2ClientCodec extends Http2ConnectionHandler implements ClientConnection {
    private final Http2Limits limits;
    private final Http2Streams streams;
    private final int maxRequests;
    private @Nullable Observer observer;
    private int requests;
    private boolean draining;
    private boolean closed;
    private @Nullable Http2KeepAlive keepAlive;

    private Http2ClientCodec(
            Http2ConnectionDecoder decoder,
            Http2ConnectionEncoder encoder,
            Http2Settings settings,
            Http2Limits limits,
            int maxRequests) {
        super(decoder, encoder, settings);
        this.limits = limits;
        this.maxRequests = maxRequests;
        this.streams = new Http2Streams(connection(), bytes -> {});
    }

    /// @param maxRequests on this connection, 0 = no limit
    public static Http2ClientCodec create(Http2Limits limits, int maxRequests) {
        return new Builder(limits, maxRequests).build();
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) throws Exception {
        streams.attach(this, ctx);
        super.handlerAdded(ctx);
        int more = limits.connectionWindow() - 65535;
        if (more > 0) {
            connection()
                    .local()
                    .flowController()
                    .incrementWindowSize(connection().connectionStream(), more);
        }
        ctx.flush();
        ctx.read();
        var settings = limits.keepAlive();
        if (settings != null) {
            keepAlive = new Http2KeepAlive(settings, ctx, encoder(), () -> {});
        }
    }

    @Override
    public Protocol protocol() {
        return Protocol.HTTP_2;
    }

    @Override
    public @Nullable ClientStream newStream(ClientStreamListener listener) {
        if (available() == 0) {
            return null;
        }
        requests++;
        if (maxRequests > 0 && requests >= maxRequests) {
            draining = true;
        }
        pendingStreams++;
        return new Stream(listener);
    }

    private boolean settingsCame;
    private boolean connectAllowed;
    private final List<Stream> waiting = new ArrayList<>(0);

    private void onSettings(Http2Settings settings) {
        settingsCame = true;
        connectAllowed |= Boolean.TRUE.equals(settings.connectProtocolEnabled());
        if (!waiting.isEmpty()) {
            for (Stream stream : List.copyOf(waiting)) {
                stream.onSettings();
            }
            waiting.clear();
            streams.context().flush();
        }
    }

    // Streams that were given out and have not written their head yet.
    private int pendingStreams;

    @Override
    public int available() {
        if (draining || closed || connection().goAwayReceived() || connection().goAwaySent()) {
            return 0;
        }
        int allowed = Math.min(connection().local().maxActiveStreams(), limits.maxConcurrentStreams());
        return Math.max(0, allowed - activeStreams());
    }

    @Override
    public int activeStreams() {
        return connection().local().numActiveStreams() + pendingStreams;
    }

    @Override
    public void drain() {
        if (!draining) {
            draining = true;
            if (observer != null) {
                observer.onDraining(this);
            }
        }
        closeIfDone();
    }

    private void closeIfDone() {
        if (draining && activeStreams() == 0 && !closed) {
            streams.context().channel().close();
        }
    }

    @Override
    public void close() {
        ChannelHandlerContext ctx = streams.context();
        gracefulShutdownTimeoutMillis(0);
        ctx.channel().close();
    }

    @Override
    public void observer(Observer to) {
        observer = to;
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) throws Exception {
        streams.readComplete();
        super.channelReadComplete(ctx);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) throws Exception {
        closed = true;
        if (keepAlive != null) {
            keepAlive.stop();
        }
        super.channelInactive(ctx);
        if (observer != null) {
            observer.onClosed(this);
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
    protected void onStreamError(
            ChannelHandlerContext ctx, boolean outbound, Throwable cause, Http2Exception.StreamException error) {
        if (!Http2Streams.isLate(connection(), outbound, error)) {
            if (!outbound) {
                streams.onBroken(error.streamId());
            }
            super.onStreamError(ctx, outbound, cause, error);
        }
    }

    private void onHeaders(int streamId, Http2Headers block, boolean end) {
        Http2Streams.Half half = streams.find(streamId);
        if (!(half instanceof Stream stream) || stream.over) {
            return;
        }
        if (stream.responded) {
            if (!end || !streams.onTrailers(stream, block)) {
                stream.violated();
            }
            return;
        }
        ResponseHead head = block.size() > limits.maxHeaders() + 1 ? null : Http2Messages.response(block);
        if (head == null || (head.isInformational() && end)) {
            stream.violated();
            return;
        }
        streams.touchHead(stream);
        if (head.isInformational()) {
            stream.listener.onInformational(head);
            return;
        }
        stream.responded = true;
        if (!stream.upgrade.isEmpty() && head.status() == 200) {
            // Success of an extended CONNECT is what HTTP/1 calls 101.
            head.status(101);
            head.headers().set("upgrade", stream.upgrade);
        }
        if (end) {
            stream.receivedEnd();
        }
        stream.listener.onResponse(head, end);
        if (end) {
            stream.settle();
        }
    }

    /// One request and its response.
    private final class Stream extends Http2Streams.Half implements ClientStream {
        private final ClientStreamListener listener;
        private boolean started;
        private boolean responded;
        private boolean ended;
        private String upgrade = "";
        private @Nullable RequestHead waitsForSettings;

        private Stream(ClientStreamListener listener) {
            streams.super();
            this.listener = listener;
        }

        @Override
        StreamListener receiver() {
            return listener;
        }

        @Override
        public void request(RequestHead head, boolean end) {
            if (over || started) {
                return;
            }
            upgrade = head.upgrade();
            if (!upgrade.isEmpty() && !settingsCame) {
                // Only the peer's SETTINGS tell whether it knows extended CONNECT (RFC 8441 3).
                waitsForSettings = head;
                waiting.add(this);
                return;
            }
            started = true;
            pendingStreams--;
            if (!upgrade.isEmpty() && !connectAllowed) {
                over = true;
                listener.onReset(ResetReason.PROTOCOL_ERROR, "http2.extended_connect_not_allowed");
                onEnded();
                return;
            }
            int id = connection().local().incrementAndGetNextStreamId();
            if (id < 0) {
                // Ids are used up: the connection is done for.
                draining = true;
                over = true;
                listener.onReset(ResetReason.REMOTE_REFUSED, "http2.stream_ids_exhausted");
                onEnded();
                return;
            }
            writeHead(Http2Messages.block(head), end, id);
            var netty = connection().stream(id);
            if (netty != null) {
                streams.bind(netty, this);
            }
        }

        private void onSettings() {
            RequestHead head = waitsForSettings;
            if (head != null && !over) {
                waitsForSettings = null;
                request(head, false);
            }
        }

        @Override
        void onSentEndFirst() {}

        @Override
        void onReceivedEndFirst() {
            // The whole response is there: nobody wants the rest of the request.
            reset(ResetReason.LOCAL_RESET);
        }

        private void violated() {
            if (!over) {
                listener.onReset(ResetReason.PROTOCOL_ERROR, "http2.violation.of.messaging.rule");
                reset(ResetReason.PROTOCOL_ERROR);
            }
        }

        @Override
        void onEnded() {
            if (ended) {
                return;
            }
            ended = true;
            if (!started) {
                started = true;
                pendingStreams--;
            }
            // Netty counts the stream out when its last frame is handled: later in this same event.
            streams.context().executor().execute(() -> {
                if (observer != null) {
                    observer.onStreamEnded(Http2ClientCodec.this);
                }
                closeIfDone();
            });
        }
    }

    private static final class Frames extends Http2FrameAdapter {
        @SuppressWarnings("NullAway.Init") // set right after construction
        private Http2ClientCodec codec;

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
            Http2KeepAlive probing = codec.keepAlive;
            if (probing != null) {
                probing.onAck(data);
            }
        }

        @Override
        public void onSettingsRead(ChannelHandlerContext ctx, Http2Settings settings) {
            codec.onSettings(settings);
        }

        @Override
        public void onGoAwayRead(ChannelHandlerContext ctx, int lastStreamId, long errorCode, ByteBuf debugData) {
            codec.drain();
        }
    }

    private static final class Builder extends AbstractHttp2ConnectionHandlerBuilder<Http2ClientCodec, Builder> {
        private final Http2Limits limits;
        private final int maxRequests;
        private final Frames frames = new Frames();

        private Builder(Http2Limits limits, int maxRequests) {
            this.limits = limits;
            this.maxRequests = maxRequests;
            server(false);
            frameListener(frames);
            validateHeaders(true);
            initialSettings(Http2Settings.defaultSettings()
                    .pushEnabled(false)
                    .initialWindowSize(limits.streamWindow())
                    .maxHeaderListSize(limits.maxHeaderBytes()));
            encoderEnforceMaxQueuedControlFrames(1000);
            decoderEnforceMaxConsecutiveEmptyDataFrames(10);
            encoderIgnoreMaxHeaderListSize(true);
        }

        @Override
        protected Http2ClientCodec build() {
            return super.build();
        }

        @Override
        protected Http2ClientCodec build(
                Http2ConnectionDecoder decoder, Http2ConnectionEncoder encoder, Http2Settings settings) {
            var codec = new Http2ClientCodec(decoder, encoder, settings, limits, maxRequests);
            frames.codec = codec;
            return codec;
        }
    }
}
