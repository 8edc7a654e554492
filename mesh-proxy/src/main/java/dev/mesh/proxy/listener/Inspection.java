package dev.mesh.proxy.listener;

import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.tls.ClientHello;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.concurrent.ScheduledFuture;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Looks at the first bytes of a connection, as far as the listener's filters say, and hands them on unchanged to
/// what is put in the pipeline after it was found out what they are (Envoy's TLS and HTTP inspectors). What it keeps
/// is bounded; bytes that never come are waited for as long as `listener_filters_timeout` says. Event loop only.
final class Inspection extends ChannelInboundHandlerAdapter {
    private static final byte[] HTTP2 = "PRI * HTTP/2.0".getBytes(StandardCharsets.US_ASCII);
    private static final int MAX_REQUEST_LINE = 64 << 10;
    private static final int MAX_METHOD = 32;

    private final ListenerSpec listener;
    private final AcceptedConnection connection;
    private final Scope listenerScope;
    private final Scope root;
    private final Consumer<Inspection> done;
    private boolean tlsWanted;
    private boolean httpWanted;
    private ByteBuf seen = Unpooled.EMPTY_BUFFER;
    private @Nullable ScheduledFuture<?> timer;
    private boolean over;

    /// @param root of all statistics
    /// @param done told once, when the filter chain can be chosen; what it puts into the pipeline gets the bytes
    Inspection(
            ListenerSpec listener,
            AcceptedConnection connection,
            Scope listenerScope,
            Scope root,
            Consumer<Inspection> done) {
        this.listener = listener;
        this.connection = connection;
        this.listenerScope = listenerScope;
        this.root = root;
        this.done = done;
        tlsWanted = listener.inspection().tls(connection.destinationPort());
        httpWanted = listener.inspection().http(connection.destinationPort());
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        long limit = listener.inspection().timeout().toNanos();
        if (limit > 0) {
            timer = ctx.executor().schedule(() -> timedOut(ctx), limit, TimeUnit.NANOSECONDS);
        }
    }

    private void timedOut(ChannelHandlerContext ctx) {
        timer = null;
        if (over) {
            return;
        }
        listenerScope.counter("downstream_pre_cx_timeout").inc();
        if (listener.inspection().continueAfterTimeout()) {
            finish(ctx);
        } else {
            ctx.close();
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf in = (ByteBuf) message;
        if (over) {
            ctx.fireChannelRead(in);
            return;
        }
        seen = seen.isReadable() ? Unpooled.wrappedBuffer(seen, in) : in;
        if (tlsWanted) {
            tls(ctx);
        }
        if (!tlsWanted && httpWanted && !over) {
            http();
        }
        if (!tlsWanted && !httpWanted && !over) {
            finish(ctx);
        }
    }

    private void tls(ChannelHandlerContext ctx) {
        Scope stats = root.child("tls_inspector");
        switch (ClientHello.read(seen)) {
            case ClientHello.Read.Found(ClientHello hello) -> {
                tlsWanted = false;
                httpWanted = false;
                stats.counter("tls_found").inc();
                stats.counter(hello.serverName().isEmpty() ? "sni_not_found" : "sni_found")
                        .inc();
                stats.counter(hello.protocols().isEmpty() ? "alpn_not_found" : "alpn_found")
                        .inc();
                connection.said(hello);
            }
            case ClientHello.Read.Other.INCOMPLETE -> {}
            case ClientHello.Read.Other.NOT_TLS -> {
                tlsWanted = false;
                stats.counter("tls_not_found").inc();
            }
            case ClientHello.Read.Other.TOO_LONG -> {
                over = true;
                stats.counter("client_hello_too_large").inc();
                ctx.close();
            }
        }
    }

    private void http() {
        Scope stats = root.child("http_inspector");
        int readable = seen.readableBytes();
        int first = seen.readerIndex();
        int same = 0;
        while (same < HTTP2.length && same < readable && seen.getByte(first + same) == HTTP2[same]) {
            same++;
        }
        if (same == HTTP2.length) {
            httpFound(stats, "h2c", "http2_found");
            return;
        }
        if (same == readable) {
            return;
        }
        int end = seen.forEachByte(value -> value != '\r' && value != '\n');
        int blank = seen.forEachByte(value -> value >= 'A' && value <= 'Z' || value == '-' || value == '_');
        boolean method = blank < 0
                ? readable <= MAX_METHOD
                : blank > first && blank - first <= MAX_METHOD && seen.getByte(blank) == ' ';
        if (!method || (end < 0 && readable >= MAX_REQUEST_LINE)) {
            httpWanted = false;
            stats.counter("http_not_found").inc();
            return;
        }
        if (end < 0) {
            return;
        }
        String line = seen.toString(first, end - first, StandardCharsets.ISO_8859_1);
        if (line.endsWith(" HTTP/1.1")) {
            httpFound(stats, "http/1.1", "http11_found");
        } else if (line.endsWith(" HTTP/1.0")) {
            httpFound(stats, "http/1.0", "http10_found");
        } else {
            httpWanted = false;
            stats.counter("http_not_found").inc();
        }
    }

    private void httpFound(Scope stats, String protocol, String counter) {
        httpWanted = false;
        stats.counter(counter).inc();
        connection.detected(List.of(protocol));
    }

    private void finish(ChannelHandlerContext ctx) {
        over = true;
        stopTimer();
        done.accept(this);
        ByteBuf all = seen;
        seen = Unpooled.EMPTY_BUFFER;
        if (ctx.channel().isOpen() && all.isReadable()) {
            ctx.fireChannelRead(all);
            ctx.fireChannelReadComplete();
        } else {
            all.release();
        }
        if (!ctx.isRemoved()) {
            ctx.pipeline().remove(this);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (over) {
            ctx.fireChannelReadComplete();
        } else {
            ctx.read();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
        if (event instanceof ChannelInputShutdownEvent && !over) {
            ctx.close();
        }
        super.userEventTriggered(ctx, event);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        over = true;
        stopTimer();
        ctx.fireChannelInactive();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        stopTimer();
        seen.release();
        seen = Unpooled.EMPTY_BUFFER;
    }

    private void stopTimer() {
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
    }
}
