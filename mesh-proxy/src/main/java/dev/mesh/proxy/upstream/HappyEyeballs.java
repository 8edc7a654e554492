package dev.mesh.proxy.upstream;

import io.netty.channel.Channel;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Tries the addresses of one endpoint, one after the other, each when the one before has failed or has kept it
/// waiting:
/// the first connection wins (RFC 8305, as Envoy does it). Event loop only.
final class HappyEyeballs {
    /// How long an address has before the next is tried as well; Envoy's.
    static final Duration HEAD_START = Duration.ofMillis(300);

    private final EventLoop loop;
    private final Function<SocketAddress, Attempt> connect;
    private final ArrayDeque<SocketAddress> left;
    private final List<Attempt> running = new ArrayList<>();
    private final Promise<Channel> promise;
    private @Nullable ScheduledFuture<?> next;
    private @Nullable ScheduledFuture<?> end;

    /// A connection that is being made.
    ///
    /// @param channel to close if it is not wanted any more
    record Attempt(Channel channel, Future<Channel> connected) {}

    private HappyEyeballs(EventLoop loop, List<SocketAddress> addresses, Function<SocketAddress, Attempt> connect) {
        this.loop = loop;
        this.connect = connect;
        left = new ArrayDeque<>(addresses);
        promise = loop.newPromise();
    }

    /// Fails with the last failure, or with a `ConnectTimeoutException` when the time of all together is up.
    ///
    /// @param addresses at least one, in the order of trial
    static Future<Channel> connect(
            EventLoop loop, List<SocketAddress> addresses, Duration timeout, Function<SocketAddress, Attempt> connect) {
        var race = new HappyEyeballs(loop, addresses, connect);
        race.end = loop.schedule(race::timeIsUp, timeout.toNanos(), TimeUnit.NANOSECONDS);
        race.tryNext();
        return race.promise;
    }

    private void tryNext() {
        if (next != null) {
            next.cancel(false);
            next = null;
        }
        SocketAddress address = left.poll();
        if (address == null || promise.isDone()) {
            return;
        }
        Attempt attempt = connect.apply(address);
        running.add(attempt);
        if (!left.isEmpty()) {
            next = loop.schedule(this::tryNext, HEAD_START.toNanos(), TimeUnit.NANOSECONDS);
        }
        attempt.connected().addListener(done -> {
            running.remove(attempt);
            if (done.isSuccess()) {
                won(attempt.channel());
            } else if (!left.isEmpty()) {
                tryNext();
            } else if (running.isEmpty()) {
                finish();
                promise.tryFailure(done.cause());
            }
        });
    }

    private void won(Channel channel) {
        // Before the others are closed: that fails them within the call, and the last failure would be the outcome.
        if (!promise.trySuccess(channel)) {
            channel.close();
        }
        finish();
    }

    private void timeIsUp() {
        if (promise.tryFailure(new ConnectTimeoutException("connection timed out"))) {
            finish();
        }
    }

    private void finish() {
        if (next != null) {
            next.cancel(false);
        }
        if (end != null) {
            end.cancel(false);
        }
        left.clear();
        new ArrayList<>(running).forEach(attempt -> attempt.channel().close());
    }
}
