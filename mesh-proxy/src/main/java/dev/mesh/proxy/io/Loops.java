package dev.mesh.proxy.io;

import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The event loops of a process, and which sockets go with them: epoll where it is to be had, else NIO.
public final class Loops implements AutoCloseable {
    private final MultiThreadIoEventLoopGroup group;
    private final List<EventLoop> loops = new ArrayList<>();
    private final boolean epoll;

    /// @param count how many; Envoy's concurrency
    public Loops(int count) {
        epoll = Epoll.isAvailable();
        IoHandlerFactory handlers =
                epoll ? LastingRegistrations.factory(EpollIoHandler.newFactory()) : NioIoHandler.newFactory();
        group = new MultiThreadIoEventLoopGroup(count, new DefaultThreadFactory("worker", true), handlers);
        for (int i = 0; i < count; i++) {
            loops.add(group.next());
        }
    }

    public List<EventLoop> all() {
        return loops;
    }

    /// Whether several sockets may listen on one port, one for each loop.
    public boolean reusePort() {
        return epoll;
    }

    /// Whether sockets are epoll's, with its options.
    public boolean epoll() {
        return epoll;
    }

    public Class<? extends ServerChannel> serverChannel() {
        return epoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
    }

    public Class<? extends Channel> socketChannel() {
        return epoll ? EpollSocketChannel.class : NioSocketChannel.class;
    }

    public Class<? extends DatagramChannel> datagramChannel() {
        return epoll ? EpollDatagramChannel.class : NioDatagramChannel.class;
    }

    /// For Unix domain sockets.
    ///
    /// @throws UnsupportedOperationException without epoll
    public Class<? extends Channel> domainSocketChannel() {
        if (!epoll) {
            throw new UnsupportedOperationException("Unix domain sockets need epoll");
        }
        return EpollDomainSocketChannel.class;
    }

    /// How large the buffers are that a connection is read into: they grow with what comes, up to what the
    /// connection may buffer at all, and 256 KiB at most. With Netty's own bound of 64 KiB a megabyte of TCP costs
    /// twice the processor time.
    ///
    /// @param bufferLimit bytes; Envoy's `per_connection_buffer_limit_bytes`
    public static RecvByteBufAllocator receiveBuffers(int bufferLimit) {
        return new AdaptiveRecvByteBufAllocator(512, 2048, Math.clamp(bufferLimit, 4 << 10, 256 << 10));
    }

    @Override
    public void close() {
        group.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
    }
}
