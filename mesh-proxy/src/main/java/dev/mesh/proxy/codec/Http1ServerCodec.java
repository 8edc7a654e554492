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
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The server side of HTTP/1 (RFC 9110, 9112) on a channel without auto-read. One request at a time: what a
/// client sends ahead waits in a buffer of at most one read, so nothing grows with pipelining.
public final class Http1ServerCodec extends ChannelInboundHandlerAdapter implements Http1Decoder.Target {
    private final Http1Limits limits;
    private final Function<ChannelHandlerContext, ServerConnectionListener> listeners;
    private final Http1Decoder decoder;
    private final Http1Writer writer;

    @SuppressWarnings("NullAway.Init") // set in handlerAdded, before anything is read
    private ChannelHandlerContext context;

    @SuppressWarnings("NullAway.Init")
    private ServerConnectionListener connection;

    private @Nullable ByteBuf pending;
    private @Nullable Stream stream;
    private boolean closing;
    private boolean draining;
    private boolean decoding;
    private boolean readOutstanding;
    private boolean inputEnded;
    private boolean headBegun;
    private final long delayedCloseMillis;
    // As Envoy's parser: any other word is no request, upper case counts (RFC 9110 9.1).
    private static final Set<String> METHODS = Set.of(
            "ACL",
            "BIND",
            "CHECKOUT",
            "CONNECT",
            "COPY",
            "DELETE",
            "GET",
            "HEAD",
            "LINK",
            "LOCK",
            "MERGE",
            "MKACTIVITY",
            "MKCALENDAR",
            "MKCOL",
            "MOVE",
            "M-SEARCH",
            "NOTIFY",
            "OPTIONS",
            "PATCH",
            "POST",
            "PROPFIND",
            "PROPPATCH",
            "PURGE",
            "PUT",
            "QUERY",
            "REBIND",
            "REPORT",
            "SEARCH",
            "SOURCE",
            "SUBSCRIBE",
            "TRACE",
            "UNBIND",
            "UNLINK",
            "UNLOCK",
            "UNSUBSCRIBE");

    private @Nullable LingeringClose ending;

    /// @param delayedCloseMillis how long a client may take to see the end of a last response; 0 = no limit, and
    ///     what it still sends is not waited for
    /// @param listeners makes the connection's listener when the codec is added
    public Http1ServerCodec(
            Http1Limits limits,
            long delayedCloseMillis,
            Function<ChannelHandlerContext, ServerConnectionListener> listeners) {
        this.limits = limits;
        this.writer = new Http1Writer(limits.properCase());
        this.delayedCloseMillis = delayedCloseMillis;
        this.listeners = listeners;
        this.decoder = new Http1Decoder(this, limits);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
        connection = listeners.apply(ctx);
        if (ctx.channel().isActive()) {
            readMore();
        }
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) throws Exception {
        super.channelActive(ctx);
        readMore();
    }

    /// Lets the connection end when the current request is done; at once if there is none.
    public void drain() {
        draining = true;
        if (idle() && !closing) {
            end(false);
        }
    }

    // No more requests: the connection ends when what was written is out.
    private void end(boolean readsOn) {
        closing = true;
        ending = LingeringClose.start(context, readsOn, delayedCloseMillis, connection::onDelayedCloseTimeout);
    }

    /// Answers a request whose head has not come to its end in time, and ends the connection.
    ///
    /// @param detail Envoy's response code detail
    public void refuseHead(int status, String body, String detail) {
        if (stream == null && !closing) {
            refuse(new Http1Error(status, detail), body);
        }
    }

    /// Whether no request is under way, not even the beginning of one.
    public boolean idle() {
        return stream == null && !decoder.inMessage();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        readOutstanding = false;
        ByteBuf in = (ByteBuf) message;
        if (closing) {
            in.release();
            return;
        }
        if (pending == null) {
            pending = in;
        } else {
            pending = ctx.alloc().compositeBuffer(8).addComponent(true, pending).addComponent(true, in);
        }
        decode();
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        readOutstanding = false;
        delivered();
        ctx.flush();
        readMore();
    }

    private void delivered() {
        Stream current = stream;
        if (current != null && current.hasListener() && !current.over) {
            current.listener.onReadComplete();
        }
    }

    private void decode() {
        if (decoding) {
            return;
        }
        decoding = true;
        try {
            while (pending != null && !closing && mayDecode() && decoder.step(pending)) {
                releaseIfRead();
            }
        } catch (Http1Error e) {
            refuse(e, ReasonPhrases.of(e.status));
        } finally {
            decoding = false;
        }
        releaseIfRead();
        if (inputEnded && pending == null && !closing) {
            onInputEnd();
        } else if (stream == null && !headBegun && !closing && decoder.inMessage()) {
            headBegun = true;
            connection.onHeadBegun();
        }
    }

    private void releaseIfRead() {
        if (pending != null && !pending.isReadable()) {
            pending.release();
            pending = null;
        }
    }

    private boolean mayDecode() {
        Stream current = stream;
        // Behind an upgrade nothing may pass before the response says what the connection becomes.
        return current == null
                || (!current.requestEnded && current.pauses == 0 && (!current.awaitsSwitch || current.responseStarted));
    }

    // While a response is pending one read stays open, so that a client that goes away is noticed.
    private void readMore() {
        if (ending != null && ending.draining() && !inputEnded) {
            context.read();
        }
        if (closing || readOutstanding || inputEnded) {
            return;
        }
        Stream current = stream;
        boolean wanted = pending == null && (current == null || current.requestEnded || current.pauses == 0);
        if (wanted) {
            readOutstanding = true;
            context.read();
        }
    }

    @Override
    public long onHead(byte[] block, int length) throws Http1Error {
        headBegun = false;
        int end = HeadParser.lineEnd(block, 0, length);
        int methodEnd = indexOf(block, 0, end, ' ');
        if (methodEnd < 0 || !HeadParser.isToken(block, 0, methodEnd)) {
            throw Http1Error.malformed();
        }
        int targetEnd = indexOf(block, methodEnd + 1, end, ' ');
        if (targetEnd <= methodEnd + 1) {
            throw Http1Error.malformed();
        }
        Protocol protocol = protocol(block, targetEnd + 1, end);
        for (int i = methodEnd + 1; i < targetEnd; i++) {
            int c = block[i] & 0xff;
            if (c <= 0x20 || c >= 0x7f) {
                throw Http1Error.malformed();
            }
        }
        String method = method(block, methodEnd);
        if (!METHODS.contains(method)) {
            throw new Http1Error(400, "http1.codec_error");
        }
        String target = HeadParser.text(block, methodEnd + 1, targetEnd);
        HeaderMap headers = HeadParser.headers(block, end + 2, length, limits.maxHeaders());

        boolean head = method.equals("HEAD");
        var current = new Stream(protocol, head);
        if (protocol == Protocol.HTTP_1_0 && !limits.acceptHttp10()) {
            current.keepAlive = false;
            stream = current;
            throw new Http1Error(426, "low_version");
        }
        RequestHead request = requestHead(method, target, protocol, headers);
        long framing = framing(request, current);
        stream = current;
        boolean ended = framing == 0;
        current.requestEnded = ended;
        current.awaitsSwitch = framing == Http1Decoder.RAW;
        current.listener = connection.onRequest(current, request, ended);
        return framing;
    }

    private RequestHead requestHead(String method, String target, Protocol protocol, HeaderMap headers)
            throws Http1Error {
        int hosts = headers.count("host");
        if (hosts > 1) {
            throw Http1Error.malformed();
        }
        String host = hosts == 0 ? "" : headers.get("host", 0);
        String scheme = "";
        String path = target;
        String authority = host;
        if (method.equals("CONNECT")) {
            authority = target;
            path = "";
        } else if (!target.startsWith("/") && !target.equals("*")) {
            // Absolute form: its authority stands over Host (RFC 9112 3.2.2).
            int schemeEnd = target.indexOf("://");
            if (schemeEnd <= 0) {
                throw new Http1Error(400, "http1.invalid_url");
            }
            String given = target.substring(0, schemeEnd).toLowerCase(Locale.ROOT);
            if (!given.equals("http") && !given.equals("https")) {
                throw new Http1Error(400, "http1.invalid_url");
            }
            scheme = given;
            int pathStart = schemeEnd + 3;
            while (pathStart < target.length() && "/?#".indexOf(target.charAt(pathStart)) < 0) {
                pathStart++;
            }
            authority = target.substring(schemeEnd + 3, pathStart);
            if (authority.isEmpty() || authority.indexOf('@') >= 0) {
                throw new Http1Error(400, "http1.invalid_url");
            }
            path = target.substring(pathStart);
            if (!path.startsWith("/")) {
                path = "/" + path;
            }
        } else if (target.equals("*") && !method.equals("OPTIONS")) {
            throw new Http1Error(400, "http1.invalid_url"); // RFC 9112 3.2.4
        } else if (hosts == 0) {
            if (protocol == Protocol.HTTP_1_0 && !limits.defaultHostForHttp10().isEmpty()) {
                authority = limits.defaultHostForHttp10();
            }
        }
        for (int i = 0; i < authority.length(); i++) {
            char c = authority.charAt(i);
            if (c <= ' ' || c == ',' || c == '/' || c == '?' || c == '#' || c == '@' || c >= 0x7f) {
                throw Http1Error.malformed();
            }
        }
        headers.remove("host");
        return new RequestHead(method, scheme, authority, path, protocol, headers);
    }

    // RFC 9112 section 6; anything that two parsers could read in two ways is refused.
    private long framing(RequestHead request, Stream current) throws Http1Error {
        HeaderMap headers = request.headers();
        String connectionOptions = headers.joined("connection");
        boolean http10 = request.protocol() == Protocol.HTTP_1_0;
        current.keepAlive = connectionOptions == null
                ? !http10
                : !HeadParser.listHas(connectionOptions, "close")
                        && (!http10 || HeadParser.listHas(connectionOptions, "keep-alive"));
        String upgrade = headers.joined("upgrade");
        // An offer of h2c is declined by not taking it up (RFC 9113 3.1): the request is served as it is.
        if (upgrade != null
                && !upgrade.equalsIgnoreCase("h2c")
                && connectionOptions != null
                && HeadParser.listHas(connectionOptions, "upgrade")) {
            request.upgrade(upgrade.toLowerCase(Locale.ROOT));
            current.upgradeAsked = true;
        }
        long length = HeadParser.contentLength(headers);
        String encoding = headers.joined("transfer-encoding");
        HopByHop.strip(headers, connectionOptions);
        if (encoding != null) {
            if (length >= 0 || http10) {
                throw new Http1Error(400, "http1.content_length_and_chunked_not_allowed");
            }
            if (!encoding.equalsIgnoreCase("chunked")) {
                throw new Http1Error(501, "http1.invalid_transfer_encoding");
            }
            if (request.method().equals("CONNECT") || current.upgradeAsked) {
                throw new Http1Error(400, "http1.transfer_encoding_not_allowed");
            }
            expectContinue(headers, current);
            return Http1Decoder.CHUNKED;
        }
        if (request.method().equals("CONNECT")) {
            if (length > 0) {
                throw new Http1Error(400, "http1.content_length_not_allowed");
            }
            return Http1Decoder.RAW;
        }
        if (current.upgradeAsked) {
            if (length > 0) {
                throw new Http1Error(400, "http1.content_length_not_allowed");
            }
            return Http1Decoder.RAW;
        }
        if (length > 0) {
            expectContinue(headers, current);
        }
        return Math.max(0, length);
    }

    // The proxy answers 100 itself, as Envoy does by default, and the expectation goes no further.
    private void expectContinue(HeaderMap headers, Stream current) {
        String expect = headers.get("expect");
        if (expect != null && expect.equalsIgnoreCase("100-continue") && current.protocol != Protocol.HTTP_1_0) {
            headers.remove("expect");
            context.writeAndFlush(
                    writer.start().raw("HTTP/1.1 100 Continue\r\n\r\n").finish(context.alloc()));
        }
    }

    private static Protocol protocol(byte[] block, int from, int to) throws Http1Error {
        if (to - from != 8
                || block[from] != 'H'
                || block[from + 1] != 'T'
                || block[from + 2] != 'T'
                || block[from + 3] != 'P'
                || block[from + 4] != '/'
                || block[from + 5] != '1'
                || block[from + 6] != '.') {
            throw Http1Error.malformed();
        }
        return switch (block[from + 7]) {
            case '1' -> Protocol.HTTP_1_1;
            case '0' -> Protocol.HTTP_1_0;
            default -> throw Http1Error.malformed();
        };
    }

    private static String method(byte[] block, int end) {
        return switch (end) {
            case 3 -> block[0] == 'G' && block[1] == 'E' && block[2] == 'T' ? "GET" : HeadParser.text(block, 0, end);
            case 4 ->
                block[0] == 'P' && block[1] == 'O' && block[2] == 'S' && block[3] == 'T'
                        ? "POST"
                        : HeadParser.text(block, 0, end);
            default -> HeadParser.text(block, 0, end);
        };
    }

    private static int indexOf(byte[] block, int from, int to, char wanted) {
        for (int i = from; i < to; i++) {
            if (block[i] == wanted) {
                return i;
            }
        }
        return -1;
    }

    @Override
    public void onBody(ByteBuf data, boolean end) {
        Stream current = stream;
        if (current == null || current.over) {
            data.release();
            return;
        }
        if (end) {
            current.requestEnded = true;
        }
        current.listener.onData(data, end);
    }

    @Override
    public void onEnd(@Nullable HeaderMap trailers) {
        Stream current = stream;
        if (current == null || current.over) {
            return;
        }
        current.requestEnded = true;
        if (trailers != null) {
            current.listener.onTrailers(trailers);
        } else {
            current.listener.onData(context.alloc().buffer(0, 0), true);
        }
    }

    private void refuse(Http1Error error, String body) {
        Stream current = stream;
        Protocol protocol = current == null ? Protocol.HTTP_1_1 : current.protocol;
        boolean answered = current != null && current.responseStarted;
        connection.onProtocolError(protocol, answered ? 0 : error.status, error.detail());
        if (current != null && current.hasListener() && !current.over) {
            current.over = true;
            current.listener.onReset(ResetReason.PROTOCOL_ERROR, error.detail());
        }
        stream = null;
        if (answered) {
            closing = true;
            context.close();
            return;
        }
        writer.start()
                .raw("HTTP/1.1 ")
                .number(error.status)
                .raw(" ")
                .raw(ReasonPhrases.of(error.status))
                .line()
                .header("content-length", Integer.toString(body.length()))
                .header("content-type", "text/plain")
                .header("connection", "close");
        String server = connection.serverHeader();
        if (server != null) {
            writer.header("server", server);
        }
        writer.line().raw(body);
        context.write(writer.finish(context.alloc()));
        end(true);
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
            inputEnded = true;
            if (ending != null) {
                ending.inputEnded();
            } else if (pending == null) {
                onInputEnd();
            }
        }
        super.userEventTriggered(ctx, event);
    }

    // A client that ends its side has gone, as for Envoy: whoever waits for an answer keeps the connection open.
    private void onInputEnd() {
        context.close();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) throws Exception {
        closing = true;
        if (ending != null) {
            ending.closed();
        }
        Stream current = stream;
        stream = null;
        if (current != null && !current.over) {
            current.over = true;
            current.listener.onReset(ResetReason.CONNECTION_TERMINATION, "downstream_remote_disconnect");
        }
        if (pending != null) {
            pending.release();
            pending = null;
        }
        connection.onClosed();
        super.channelInactive(ctx);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }

    /// One request and its response.
    private final class Stream implements ServerStream {
        private final Protocol protocol;
        private final boolean headRequest;

        @SuppressWarnings("NullAway.Init") // set when the listener has been asked for
        private StreamListener listener;

        private boolean keepAlive = true;
        private boolean requestEnded;
        private boolean responseStarted;
        private boolean responseEnded;
        private boolean chunked;
        private boolean bodyless;
        private boolean untilClose;
        private boolean upgradeAsked;
        private boolean awaitsSwitch;
        private boolean over;
        private int pauses;

        private Stream(Protocol protocol, boolean headRequest) {
            this.protocol = protocol;
            this.headRequest = headRequest;
        }

        @SuppressWarnings("NullAway") // null until the connection's listener has returned
        private boolean hasListener() {
            return listener != null;
        }

        @Override
        public void informational(ResponseHead head) {
            if (over || responseStarted || protocol == Protocol.HTTP_1_0) {
                return;
            }
            startLine(head.status());
            context.writeAndFlush(writer.headers(head.headers()).line().finish(context.alloc()));
        }

        @Override
        public void response(ResponseHead head, boolean end) {
            if (over || responseStarted) {
                return;
            }
            responseStarted = true;
            int status = head.status();
            HeaderMap headers = head.headers();
            boolean switches = awaitsSwitch && (status == 101 || (!upgradeAsked && status / 100 == 2));
            if (awaitsSwitch && !switches) {
                // What the client sent behind an upgrade that was not accepted is neither body nor request.
                keepAlive = false;
                requestEnded = true;
            }
            // An answer before the end of its request ends the connection, as in Envoy, and says so beforehand: a
            // client that takes the connection for its next request would lose that.
            if (draining || (!switches && !requestEnded)) {
                keepAlive = false;
            }
            bodyless = !switches && (headRequest || status == 204 || status == 304);
            startLine(status);
            if (switches) {
                headers.remove("content-length");
                writer.headers(headers);
                if (status == 101) {
                    writer.header("connection", "upgrade");
                }
                untilClose = true;
            } else {
                frame(headers, end, status);
            }
            context.write(writer.line().finish(context.alloc()));
            if (end) {
                ended();
            } else if (switches && !decoding) {
                decode();
                delivered();
                readMore();
            }
        }

        private void frame(HeaderMap headers, boolean end, int status) {
            boolean hasLength = headers.contains("content-length");
            if (status == 204) {
                headers.remove("content-length");
            } else if (!hasLength && !bodyless) {
                if (end) {
                    headers.add("content-length", "0");
                } else if (protocol == Protocol.HTTP_1_0) {
                    untilClose = true;
                    keepAlive = false;
                } else {
                    chunked = true;
                }
            }
            writer.headers(headers);
            if (chunked) {
                writer.header("transfer-encoding", "chunked");
            }
            if (!keepAlive) {
                writer.header("connection", "close");
            } else if (protocol == Protocol.HTTP_1_0) {
                writer.header("connection", "keep-alive");
            }
        }

        private void startLine(int status) {
            writer.start()
                    .raw("HTTP/1.1 ")
                    .number(status)
                    .raw(" ")
                    .raw(ReasonPhrases.of(status))
                    .line();
        }

        @Override
        public void data(ByteBuf data, boolean end) {
            if (over || responseEnded || bodyless) {
                data.release();
            } else if (chunked && data.isReadable()) {
                context.write(Http1Writer.chunkStart(context.alloc(), data.readableBytes()));
                context.write(data);
                context.write(end ? lastOfChunk() : Http1Writer.chunkEnd(context.alloc()));
            } else if (data.isReadable()) {
                context.write(data);
            } else {
                data.release();
                if (chunked && end) {
                    context.write(Http1Writer.lastChunk(context.alloc()));
                }
            }
            if (end) {
                ended();
            }
        }

        private ByteBuf lastOfChunk() {
            return context.alloc().directBuffer(7).writeBytes(CHUNK_THEN_LAST);
        }

        @Override
        public void trailers(HeaderMap trailers) {
            if (over || responseEnded) {
                return;
            }
            if (chunked) {
                context.write(
                        limits.enableTrailers()
                                ? Http1Writer.lastChunk(context.alloc(), trailers, writer)
                                : Http1Writer.lastChunk(context.alloc()));
            }
            ended();
        }

        private void ended() {
            if (responseEnded) {
                return;
            }
            responseEnded = true;
            over = true;
            stream = null;
            if (!keepAlive || untilClose || !requestEnded) {
                // An unread rest of the request must not be taken for the next one.
                end(!requestEnded || draining || pending != null);
                return;
            }
            if (!decoding) {
                context.flush();
                decode();
                delivered();
                readMore();
            }
        }

        @Override
        public void reset(ResetReason reason) {
            if (!over) {
                over = true;
                closing = true;
                stream = null;
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
            if (pauses == 0 && !over && stream == this) {
                decode();
                delivered();
                readMore();
            }
        }

        @Override
        public void flush() {
            context.flush();
        }

        @Override
        public void drainConnection() {
            if (!responseStarted) {
                keepAlive = false;
            }
            draining = true;
        }
    }

    private static final byte[] CHUNK_THEN_LAST = {'\r', '\n', '0', '\r', '\n', '\r', '\n'};
}
