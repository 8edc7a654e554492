package dev.mesh.proxy.codec;

import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Probes an HTTP/2 connection with PING (`connection_keepalive`). Event loop only.
final class Http2KeepAlive {
    private static final long DATA = 0x6d657368_616c6976L;

    private final Http2Limits.KeepAlive settings;
    private final ChannelHandlerContext context;
    private final Http2ConnectionEncoder encoder;
    private final Runnable onTimeout;
    private @Nullable ScheduledFuture<?> timer;

    /// @param onTimeout told before the connection is closed
    Http2KeepAlive(
            Http2Limits.KeepAlive settings,
            ChannelHandlerContext context,
            Http2ConnectionEncoder encoder,
            Runnable onTimeout) {
        this.settings = settings;
        this.context = context;
        this.encoder = encoder;
        this.onTimeout = onTimeout;
        waitForNext();
    }

    private void waitForNext() {
        long interval = settings.interval().toNanos();
        long jitter = (long) (interval * settings.jitterPercent() / 100);
        long wait = interval + (jitter > 0 ? ThreadLocalRandom.current().nextLong(jitter) : 0);
        timer = context.executor().schedule(this::ping, wait, TimeUnit.NANOSECONDS);
    }

    private void ping() {
        encoder.writePing(context, false, DATA, context.newPromise());
        context.flush();
        timer = context.executor().schedule(this::lost, settings.timeout().toNanos(), TimeUnit.NANOSECONDS);
    }

    private void lost() {
        timer = null;
        onTimeout.run();
        // Not through the codec, which would wait for the streams of a peer that is not there.
        context.close();
    }

    void onAck(long data) {
        if (data == DATA && timer != null) {
            timer.cancel(false);
            waitForNext();
        }
    }

    void stop() {
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
    }
}
