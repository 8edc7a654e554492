package dev.mesh.proxy.node;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.DomainSocketReadMode;
import io.netty.channel.unix.FileDescriptor;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.handler.timeout.ReadTimeoutHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The Unix socket on which the CNI plugin calls. A call: one byte with the open file of a network namespace
/// (`SCM_RIGHTS`), to which one byte is the answer; then a line of text in each direction. Thread-safe.
final class AgentSocket implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(AgentSocket.class);
    private static final int LONGEST_LINE = 64 << 10;

    /// Who answers.
    interface Answers {
        /// Runs on a virtual thread of its own and may block.
        ///
        /// @param namespace a file that is the network namespace, until this returns
        /// @return a line
        String answer(String line, String namespace);
    }

    private final MultiThreadIoEventLoopGroup loop =
            new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory("plugin", true), EpollIoHandler.newFactory());
    private final Path file;
    private final Answers answers;

    private AgentSocket(Path file, Answers answers) {
        this.file = file;
        this.answers = answers;
    }

    /// Listens, in place of whoever did so before.
    ///
    /// @param patience of the plugin, seconds: a connection is of no use afterwards
    /// @throws IOException with a sentence
    static AgentSocket open(Path file, int patience, Answers answers) throws IOException {
        var socket = new AgentSocket(file, answers);
        try {
            Files.deleteIfExists(file);
            var bound = new ServerBootstrap()
                    .group(socket.loop)
                    .channel(EpollServerDomainSocketChannel.class)
                    .childHandler(new ChannelInitializer<EpollDomainSocketChannel>() {
                        @Override
                        protected void initChannel(EpollDomainSocketChannel channel) {
                            channel.config().setReadMode(DomainSocketReadMode.FILE_DESCRIPTORS);
                            channel.pipeline().addLast(new ReadTimeoutHandler(patience + 5), socket.new Call(channel));
                        }
                    })
                    .bind(new DomainSocketAddress(file.toString()))
                    .awaitUninterruptibly();
            if (!bound.isSuccess()) {
                throw new IOException(
                        "cannot listen on " + file + ": " + bound.cause().getMessage(), bound.cause());
            }
            // Only the host's root may call.
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    @Override
    public void close() {
        loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            LOGGER.atWarn().addKeyValue("file", file).log("the socket stays behind: {}", e.getMessage());
        }
    }

    /// One connection. Runs on its event loop.
    private final class Call extends ChannelInboundHandlerAdapter {
        private final EpollDomainSocketChannel channel;
        private @Nullable FileDescriptor namespace;
        private boolean asked;

        private Call(EpollDomainSocketChannel channel) {
            this.channel = channel;
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            if (message instanceof FileDescriptor descriptor) {
                if (namespace != null) {
                    close(descriptor);
                    context.close();
                    return;
                }
                namespace = descriptor;
                channel.config().setReadMode(DomainSocketReadMode.BYTES);
                context.pipeline().addBefore(context.name(), "lines", new LineBasedFrameDecoder(LONGEST_LINE));
                context.writeAndFlush(Unpooled.wrappedBuffer(new byte[] {'\n'}));
                return;
            }
            try {
                if (message instanceof ByteBuf line && namespace != null && !asked) {
                    asked = true;
                    String text = line.toString(StandardCharsets.UTF_8);
                    FileDescriptor given = namespace;
                    Thread.ofVirtual().name("pod").start(() -> answer(text, given));
                }
            } finally {
                ReferenceCountUtil.release(message);
            }
        }

        // The file stays open until the answer is there, whatever becomes of the connection.
        private void answer(String text, FileDescriptor given) {
            String line;
            try {
                line = answers.answer(text, "/proc/" + ProcessHandle.current().pid() + "/fd/" + given.intValue());
            } finally {
                close(given);
            }
            channel.writeAndFlush(Unpooled.copiedBuffer(line + "\n", StandardCharsets.UTF_8))
                    .addListener(ChannelFutureListener.CLOSE);
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            FileDescriptor given = namespace;
            if (given != null && !asked) {
                close(given);
            }
            context.fireChannelInactive();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            LOGGER.atDebug().setCause(cause).log("a call of the plugin failed");
            context.close();
        }

        private static void close(FileDescriptor descriptor) {
            try {
                descriptor.close();
            } catch (IOException e) {
                LOGGER.atDebug().setCause(e).log("a network namespace could not be closed");
            }
        }
    }
}
