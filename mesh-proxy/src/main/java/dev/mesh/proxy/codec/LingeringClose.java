package dev.mesh.proxy.codec;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Ends a connection so that the peer can read what was written last (RFC 9112 9.6). A socket that is closed
/// while bytes wait in it unread answers with RST, which takes the response away from the client; so the
/// sending half is closed first, what still comes is thrown away, and the rest follows when the peer has
/// closed its half or `delayed_close_timeout` has passed. Event loop only.
final class LingeringClose {
    private final ChannelHandlerContext context;
    private final long timeoutMillis;
    private final Runnable onTimeout;
    private boolean draining;
    private boolean peerEnded;
    private long unsent;
    private @Nullable ScheduledFuture<?> timer;

    private LingeringClose(ChannelHandlerContext context, long timeoutMillis, Runnable onTimeout) {
        this.context = context;
        this.timeoutMillis = timeoutMillis;
        this.onTimeout = onTimeout;
    }

    /// Starts it.
    ///
    /// @param readsOn whether bytes of the peer may still be on their way: else the connection ends when all
    ///     is written
    /// @param timeoutMillis 0 = close when all is written, however long that takes
    /// @param onTimeout told when the timeout had to end it
    static LingeringClose start(
            ChannelHandlerContext context, boolean readsOn, long timeoutMillis, Runnable onTimeout) {
        var close = new LingeringClose(context, timeoutMillis, onTimeout);
        if (timeoutMillis > 0) {
            close.unsent = Long.MAX_VALUE;
            close.schedule();
        }
        var written = context.writeAndFlush(Unpooled.EMPTY_BUFFER);
        if (!readsOn || timeoutMillis <= 0) {
            written.addListener(ChannelFutureListener.CLOSE);
        } else {
            written.addListener(done -> close.endOutput());
        }
        return close;
    }

    /// Whether the peer's bytes are read and thrown away.
    boolean draining() {
        return draining;
    }

    /// The peer has closed its sending half.
    void inputEnded() {
        peerEnded = true;
        if (draining) {
            context.close();
        }
    }

    /// The connection is closed.
    void closed() {
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
    }

    private void endOutput() {
        if (!context.channel().isActive()) {
            return;
        }
        if (peerEnded) {
            context.close();
            return;
        }
        draining = true;
        closed();
        schedule();
        SslHandler tls = context.pipeline().get(SslHandler.class);
        if (tls != null) {
            tls.closeOutbound();
        } else if (context.channel() instanceof DuplexChannel duplex) {
            duplex.shutdownOutput();
        } else {
            context.close();
            return;
        }
        context.read();
    }

    private void schedule() {
        timer = context.executor().schedule(this::check, timeoutMillis, TimeUnit.MILLISECONDS);
    }

    // A client that is still taking the response is let; one that takes nothing for the whole time is not.
    private void check() {
        long left = pendingBytes();
        if (!draining && left > 0 && left < unsent) {
            unsent = left;
            schedule();
            return;
        }
        timer = null;
        onTimeout.run();
        context.close();
    }

    private long pendingBytes() {
        ChannelOutboundBuffer buffer = context.channel().unsafe().outboundBuffer();
        return buffer == null ? 0 : buffer.totalPendingWriteBytes();
    }
}
