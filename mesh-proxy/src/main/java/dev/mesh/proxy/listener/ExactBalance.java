package dev.mesh.proxy.listener;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.AbstractEventExecutorGroup;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Future;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Gives a new connection of one listener to the event loop that has the fewest of them
/// (`envoy.config.listener.v3.Listener.ConnectionBalanceConfig.ExactBalance`). Any thread; taking turns under a lock
/// is what makes it exact, as in Envoy. The loops belong to another: it cannot be shut down.
final class ExactBalance extends AbstractEventExecutorGroup implements EventLoopGroup {
    private final List<EventLoop> loops;
    private final int[] connections;

    ExactBalance(List<EventLoop> loops) {
        this.loops = List.copyOf(loops);
        connections = new int[loops.size()];
    }

    private synchronized int take() {
        int least = 0;
        for (int i = 1; i < connections.length; i++) {
            if (connections[i] < connections[least]) {
                least = i;
            }
        }
        connections[least]++;
        return least;
    }

    private synchronized void give(int loop) {
        connections[loop]--;
    }

    @Override
    public ChannelFuture register(Channel channel) {
        int chosen = take();
        channel.closeFuture().addListener(closed -> give(chosen));
        return loops.get(chosen).register(channel);
    }

    @Override
    public ChannelFuture register(ChannelPromise promise) {
        int chosen = take();
        promise.channel().closeFuture().addListener(closed -> give(chosen));
        return loops.get(chosen).register(promise);
    }

    @Override
    @Deprecated
    public ChannelFuture register(Channel channel, ChannelPromise promise) {
        return register(promise);
    }

    @Override
    public EventLoop next() {
        return loops.getFirst();
    }

    @Override
    public Iterator<EventExecutor> iterator() {
        return new ArrayList<EventExecutor>(loops).iterator();
    }

    @Override
    public boolean isShuttingDown() {
        return loops.getFirst().isShuttingDown();
    }

    @Override
    public Future<?> shutdownGracefully(long quietPeriod, long timeout, TimeUnit unit) {
        throw new UnsupportedOperationException("the loops belong to the process");
    }

    @Override
    public Future<?> terminationFuture() {
        return loops.getFirst().terminationFuture();
    }

    @Override
    @Deprecated
    public void shutdown() {
        throw new UnsupportedOperationException("the loops belong to the process");
    }

    @Override
    public boolean isShutdown() {
        return loops.getFirst().isShutdown();
    }

    @Override
    public boolean isTerminated() {
        return loops.getFirst().isTerminated();
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
        return loops.getFirst().awaitTermination(timeout, unit);
    }
}
