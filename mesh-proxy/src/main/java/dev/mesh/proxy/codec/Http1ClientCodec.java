package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.ClientConnection;
import dev.mesh.proxy.http.ClientStream;
import dev.mesh.proxy.http.ClientStreamListener;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.ResponseHead;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import org.jspecify.annotations.Nullable;

/// The client side of HTTP/1 on a channel without auto-read: one request at a time. Bytes that no request
/// asked for close the connection, so that a response can never be given to the wrong request.
public final class Http1ClientCodec extends ChannelInboundHandlerAdapter
        implements ClientConnection, Http1Decoder.Target {
    private final Http1Limits limits;
    private final Http1Decoder decoder;
    private final Http1Writer writer;
    private final int maxRequests;

    @SuppressWarnings("NullAway.Init") // set in handlerAdded
    private ChannelHandlerContext context;

    private @Nullable Observer observer;
    private @Nullable ByteBuf pending;
    private @Nullable Stream stream;
    private int requests;
    private boolean draining;
    private boolean closed;
    private boolean decoding;
    private boolean readOutstanding;
    // All that will ever come has come: what is kept is delivered, paused or not.
    private boolean inputOver;
    // The connection ended in an error, such as the peer's RST.
    private boolean broken;

    /// @param maxRequests on this connection, 0 = no limit
    public Http1ClientCodec(Http1Limits limits, int maxRequests) {
        this.limits = limits;
        this.writer = new Http1Writer(limits.properCase());
        this.maxRequests = maxRequests;
        this.decoder = new Http1Decoder(this, limits);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
        readMore();
    }

    @Override
    public Protocol protocol() {
        return Protocol.HTTP_1_1;
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
        var started = new Stream(listener);
        stream = started;
        return started;
    }

    @Override
    public int available() {
        return stream == null && !draining && !closed && context.channel().isActive() ? 1 : 0;
    }

    @Override
    public int activeStreams() {
        return stream == null ? 0 : 1;
    }

    @Override
    public void drain() {
        if (!draining) {
            draining = true;
            if (observer != null) {
                observer.onDraining(this);
            }
        }
        if (stream == null) {
            close();
        }
    }

    @Override
    public void close() {
        context.close();
    }

    @Override
    public void observer(Observer to) {
        observer = to;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        readOutstanding = false;
        ByteBuf in = (ByteBuf) message;
        if (stream == null || closed) {
            in.release();
            draining = true;
            ctx.close();
            return;
        }
        pending = pending == null
                ? in
                : ctx.alloc().compositeBuffer(8).addComponent(true, pending).addComponent(true, in);
        decode();
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        readOutstanding = false;
        Stream current = stream;
        if (current != null) {
            current.listener.onReadComplete();
        }
        readMore();
    }

    private void decode() {
        if (decoding) {
            return;
        }
        decoding = true;
        try {
            while (pending != null && !closed) {
                Stream current = stream;
                if (current != null && current.pauses > 0 && !inputOver) {
                    break;
                }
                if (current == null) {
                    // More than the response: nobody asked for it.
                    if (pending.isReadable()) {
                        draining = true;
                        context.close();
                    }
                    break;
                }
                if (!decoder.step(pending)) {
                    break;
                }
                releaseIfRead();
            }
        } catch (Http1Error e) {
            draining = true;
            fail(ResetReason.PROTOCOL_ERROR, e.detail());
            context.close();
        } finally {
            decoding = false;
        }
        releaseIfRead();
    }

    private void releaseIfRead() {
        if (pending != null && !pending.isReadable()) {
            pending.release();
            pending = null;
        }
    }

    // An idle connection keeps one read open, so that a close is noticed before the next request.
    private void readMore() {
        Stream current = stream;
        if (!closed && !readOutstanding && pending == null && (current == null || current.pauses == 0)) {
            readOutstanding = true;
            context.read();
        }
    }

    @Override
    public long onHead(byte[] block, int length) throws Http1Error {
        Stream current = stream;
        if (current == null) {
            throw Http1Error.malformed();
        }
        int end = HeadParser.lineEnd(block, 0, length);
        // HTTP/1.x SP 3DIGIT SP reason; the reason may be missing.
        if (end < 12
                || block[0] != 'H'
                || block[1] != 'T'
                || block[2] != 'T'
                || block[3] != 'P'
                || block[4] != '/'
                || block[5] != '1'
                || block[6] != '.'
                || (block[7] != '1' && block[7] != '0')
                || block[8] != ' '
                || (end > 12 && block[12] != ' ')) {
            throw Http1Error.malformed();
        }
        int status = 0;
        for (int i = 9; i < 12; i++) {
            int digit = block[i] - '0';
            if (digit < 0 || digit > 9) {
                throw Http1Error.malformed();
            }
            status = status * 10 + digit;
        }
        if (status < 100 || status > 599) {
            throw Http1Error.malformed();
        }
        boolean http10 = block[7] == '0';
        HeaderMap headers = HeadParser.headers(block, end + 2, length, limits.maxHeaders());
        String options = headers.joined("connection");
        if (options == null
                ? http10
                : HeadParser.listHas(options, "close") || (http10 && !HeadParser.listHas(options, "keep-alive"))) {
            draining = true;
        }
        String upgrade = headers.get("upgrade");
        long contentLength = HeadParser.contentLength(headers);
        String encoding = headers.joined("transfer-encoding");
        HopByHop.strip(headers, options);
        var head = new ResponseHead(status, headers);
        if (head.isInformational()) {
            if (encoding != null || contentLength > 0) {
                throw Http1Error.malformed();
            }
            current.listener.onInformational(head);
            return 0;
        }
        if (status == 101) {
            if (!current.upgradeAsked || upgrade == null) {
                throw Http1Error.malformed();
            }
            headers.add("upgrade", upgrade);
            current.switched = true;
        } else if (current.connect && status / 100 == 2) {
            current.switched = true;
        }
        if (current.switched) {
            draining = true;
            current.listener.onResponse(head, false);
            return Http1Decoder.RAW;
        }
        long framing = framing(current, status, contentLength, encoding, http10);
        if (framing == Http1Decoder.UNTIL_CLOSE) {
            draining = true;
        }
        boolean ended = framing == 0;
        current.listener.onResponse(head, ended);
        if (ended) {
            current.finish();
        }
        return framing;
    }

    // RFC 9112 6.3, for responses.
    private static long framing(
            Stream current, int status, long contentLength, @Nullable String encoding, boolean http10)
            throws Http1Error {
        if (encoding != null && (contentLength >= 0 || http10)) {
            throw new Http1Error(502, "http1.content_length_and_chunked_not_allowed");
        }
        if (encoding != null && !encoding.equalsIgnoreCase("chunked")) {
            throw new Http1Error(502, "http1.invalid_transfer_encoding");
        }
        if (current.headRequest || status == 204 || status == 304) {
            return 0;
        }
        if (encoding != null) {
            return Http1Decoder.CHUNKED;
        }
        return contentLength >= 0 ? contentLength : Http1Decoder.UNTIL_CLOSE;
    }

    @Override
    public void onBody(ByteBuf data, boolean end) {
        Stream current = stream;
        if (current == null || current.over) {
            data.release();
            return;
        }
        current.listener.onData(data, end);
        if (end) {
            current.finish();
        }
    }

    @Override
    public void onEnd(@Nullable HeaderMap trailers) {
        Stream current = stream;
        if (current == null || current.over) {
            return;
        }
        if (trailers != null) {
            current.listener.onTrailers(trailers);
        } else {
            current.listener.onData(context.alloc().buffer(0, 0), true);
        }
        current.finish();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        Stream current = stream;
        if (current != null && !current.over) {
            current.listener.onWritable(ctx.channel().isWritable());
        }
        ctx.fireChannelWritabilityChanged();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
        if (event instanceof io.netty.channel.socket.ChannelInputShutdownEvent) {
            onInputEnd();
        }
        super.userEventTriggered(ctx, event);
    }

    private void onInputEnd() {
        takeTheRest();
        context.close();
    }

    // What has come is delivered, and an end in order ends a body that has no other end. A connection that
    // broke says nothing of where the body ends.
    private void takeTheRest() {
        inputOver = true;
        decode();
        Stream current = stream;
        if (current != null && !current.over && !broken && decoder.endsWithConnection() && current.responseStarted()) {
            current.listener.onData(context.alloc().buffer(0, 0), true);
            current.finish();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) throws Exception {
        draining = true;
        takeTheRest();
        closed = true;
        fail(ResetReason.CONNECTION_TERMINATION, "connection_termination");
        if (pending != null) {
            pending.release();
            pending = null;
        }
        if (observer != null) {
            observer.onClosed(this);
        }
        super.channelInactive(ctx);
    }

    private void fail(ResetReason reason, String detail) {
        Stream current = stream;
        if (current != null && !current.over) {
            current.over = true;
            stream = null;
            current.listener.onReset(reason, detail);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        broken = true;
        ctx.close();
    }

    /// One request and its response.
    private final class Stream implements ClientStream {
        private final ClientStreamListener listener;
        private boolean headRequest;
        private boolean connect;
        private boolean upgradeAsked;
        private boolean switched;
        private boolean chunked;
        private boolean requestStarted;
        private boolean requestEnded;
        private boolean over;
        private int pauses;

        private Stream(ClientStreamListener listener) {
            this.listener = listener;
        }

        private boolean responseStarted() {
            return switched || decoder.inMessage();
        }

        @Override
        public void request(RequestHead head, boolean end) {
            if (over || requestStarted) {
                return;
            }
            requestStarted = true;
            headRequest = head.method().equals("HEAD");
            connect = head.method().equals("CONNECT");
            upgradeAsked = !head.upgrade().isEmpty();
            writer.start().word(head.method()).raw(" ");
            writer.word(connect ? head.authority() : head.path().isEmpty() ? "/" : head.path());
            writer.raw(" HTTP/1.1\r\n").header("host", head.authority());
            HeaderMap headers = head.headers();
            boolean hasLength = headers.contains("content-length");
            writer.headers(headers);
            if (upgradeAsked) {
                writer.header("connection", "upgrade").header("upgrade", head.upgrade());
            } else if (!connect && !hasLength) {
                if (!end) {
                    chunked = true;
                    writer.header("transfer-encoding", "chunked");
                } else if (bodyExpected(head.method())) {
                    writer.header("content-length", "0");
                }
            }
            context.write(writer.line().finish(context.alloc()));
            if (end) {
                requestEnded = true;
            }
            maybeRead();
        }

        private static boolean bodyExpected(String method) {
            return switch (method) {
                case "GET", "HEAD", "DELETE", "TRACE", "CONNECT" -> false;
                default -> true;
            };
        }

        @Override
        public void data(ByteBuf data, boolean end) {
            if (over || requestEnded) {
                data.release();
                return;
            }
            if (chunked && data.isReadable()) {
                context.write(Http1Writer.chunkStart(context.alloc(), data.readableBytes()));
                context.write(data);
                context.write(Http1Writer.chunkEnd(context.alloc()));
            } else if (data.isReadable()) {
                context.write(data);
            } else {
                data.release();
            }
            if (end) {
                if (chunked) {
                    context.write(Http1Writer.lastChunk(context.alloc()));
                }
                requestFinished();
            }
        }

        @Override
        public void trailers(HeaderMap trailers) {
            if (over || requestEnded) {
                return;
            }
            if (chunked) {
                context.write(
                        limits.enableTrailers()
                                ? Http1Writer.lastChunk(context.alloc(), trailers, writer)
                                : Http1Writer.lastChunk(context.alloc()));
            }
            requestFinished();
        }

        private void requestFinished() {
            requestEnded = true;
            if (switched && context.channel() instanceof io.netty.channel.socket.DuplexChannel duplex) {
                context.flush();
                duplex.shutdownOutput();
            }
        }

        // The response is whole. A request that is not yet (an early answer) leaves a connection that cannot
        // be used again.
        private void finish() {
            if (over) {
                return;
            }
            over = true;
            if (stream == this) {
                stream = null;
            }
            if (!requestEnded) {
                draining = true;
            }
            if (draining) {
                context.close();
            } else if (observer != null) {
                observer.onStreamEnded(Http1ClientCodec.this);
            }
        }

        @Override
        public void reset(ResetReason reason) {
            if (!over) {
                over = true;
                if (stream == this) {
                    stream = null;
                }
                draining = true;
                context.close();
            }
        }

        @Override
        public boolean isWritable() {
            return context.channel().isWritable();
        }

        @Override
        public void pauseReading(boolean pause) {
            pauses += pause ? 1 : -1;
            maybeRead();
        }

        private void maybeRead() {
            if (pauses == 0 && !over) {
                decode();
                readMore();
            }
        }

        @Override
        public void flush() {
            context.flush();
        }
    }
}
