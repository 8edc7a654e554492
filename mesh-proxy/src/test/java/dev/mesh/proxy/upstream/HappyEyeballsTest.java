package dev.mesh.proxy.upstream;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.Channel;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// On a clock of its own.
class HappyEyeballsTest {
    private static final SocketAddress IPV4 = InetSocketAddress.createUnresolved("10.0.0.1", 80);
    private static final SocketAddress IPV6 = InetSocketAddress.createUnresolved("fd00::1", 80);

    private final EmbeddedChannel clock = new EmbeddedChannel();
    private final Map<SocketAddress, Tried> tried = new LinkedHashMap<>();

    private record Tried(Channel channel, Promise<Channel> connected) {
        private void succeeds() {
            connected.trySuccess(channel);
        }

        private void fails(String why) {
            connected.tryFailure(new ConnectException(why));
        }
    }

    private Future<Channel> connect() {
        clock.freezeTime();
        return HappyEyeballs.connect(clock.eventLoop(), List.of(IPV4, IPV6), Duration.ofSeconds(1), address -> {
            var attempt = new Tried(new EmbeddedChannel(), clock.eventLoop().newPromise());
            // As Netty does it, within the call that closes.
            attempt.channel()
                    .closeFuture()
                    .addListener(closed -> attempt.connected().tryFailure(new ClosedChannelException()));
            tried.put(address, attempt);
            return new HappyEyeballs.Attempt(attempt.channel(), attempt.connected());
        });
    }

    private void pass(long millis) {
        clock.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
        clock.runScheduledPendingTasks();
    }

    private Tried at(SocketAddress address) {
        Tried found = tried.get(address);
        assertThat(found).as(address.toString()).isNotNull();
        return found;
    }

    @Test
    void anAddressThatAnswersAtOnceIsTheOnlyOneTried() {
        Future<Channel> connected = connect();
        at(IPV4).succeeds();
        pass(500);
        assertThat(connected.getNow()).isSameAs(at(IPV4).channel());
        assertThat(tried).containsOnlyKeys(IPV4);
    }

    @Test
    void oneThatIsSlowGetsARivalAndTheFirstConnectionWins() {
        Future<Channel> connected = connect();
        pass(299);
        assertThat(tried).containsOnlyKeys(IPV4);
        pass(1);
        at(IPV6).succeeds();
        assertThat(connected.getNow()).isSameAs(at(IPV6).channel());
        assertThat(at(IPV4).channel().isOpen()).isFalse();
        assertThat(at(IPV6).channel().isOpen()).isTrue();
        pass(2000);
        assertThat(at(IPV6).channel().isOpen()).isTrue();
    }

    @Test
    void theSlowOneMayStillWin() {
        Future<Channel> connected = connect();
        pass(300);
        at(IPV4).succeeds();
        assertThat(connected.getNow()).isSameAs(at(IPV4).channel());
        assertThat(at(IPV6).channel().isOpen()).isFalse();
    }

    @Test
    void oneThatFailsIsFollowedAtOnceAndTheLastFailureIsTold() {
        Future<Channel> connected = connect();
        at(IPV4).fails("refused");
        at(IPV6).fails("unreachable");
        assertThat(connected.cause()).hasMessage("unreachable");
    }

    @Test
    void allTogetherHaveTheTimeOfOne() {
        Future<Channel> connected = connect();
        pass(999);
        assertThat(connected.isDone()).isFalse();
        pass(1);
        assertThat(connected.cause()).isInstanceOf(ConnectTimeoutException.class);
        assertThat(at(IPV4).channel().isOpen()).isFalse();
        assertThat(at(IPV6).channel().isOpen()).isFalse();
    }
}
