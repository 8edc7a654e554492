package dev.mesh.proxy.hcm;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// Tells HTTP/2 by prior knowledge from HTTP/1 by the first bytes, which it hands on to the codec that it puts
/// in its place. Bytes that never come are waited for as long as a connection without requests may stay.
final class ProtocolDetector extends ChannelInboundHandlerAdapter {
    // RFC 9113 3.4; the first bytes are enough, since no method of HTTP/1 begins so.
    private static final byte[] PREFACE = "PRI * HTTP/2.0".getBytes(StandardCharsets.US_ASCII);

    private final ConnectionManager manager;
    private final HttpConnection http;
    private @Nullable ByteBuf seen;
    private boolean done;

    ProtocolDetector(ConnectionManager manager, HttpConnection http) {
        this.manager = manager;
        this.http = http;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf in = (ByteBuf) message;
        ByteBuf all = seen == null
                ? in
                : ctx.alloc().compositeBuffer(4).addComponent(true, seen).addComponent(true, in);
        seen = all;
        int known = Math.min(all.readableBytes(), PREFACE.length);
        boolean same = true;
        for (int i = 0; i < known && same; i++) {
            same = all.getByte(all.readerIndex() + i) == PREFACE[i];
        }
        if (same && known < PREFACE.length) {
            if (all == in) {
                http.onHeadBegun();
            }
            return;
        }
        seen = null;
        done = true;
        if (same) {
            manager.http2(ctx.pipeline(), http);
        } else {
            manager.http1(ctx.pipeline(), http);
        }
        ctx.fireChannelRead(all);
        ctx.pipeline().remove(this);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (!done && !ctx.isRemoved()) {
            ctx.read();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
        if (event instanceof io.netty.channel.socket.ChannelInputShutdownEvent && !done) {
            ctx.close();
        }
        super.userEventTriggered(ctx, event);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        release();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        release();
        if (!done) {
            http.onClosed();
        }
        ctx.fireChannelInactive();
    }

    private void release() {
        if (seen != null) {
            seen.release();
            seen = null;
        }
    }
}
