package dev.mesh.proxy.dns;

import dev.mesh.proxy.io.Loops;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.socket.DatagramPacket;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Asks the pod's own name servers. One event loop; a bounded number of queries at once.
///
/// The servers are asked in turn: the next when one fails or says that it cannot answer, and also when one has not
/// answered in its share of the time, while the earlier ones are still heard. So a dead server costs a client less than
/// the 5 s after which it gives up itself. What an answer says is not looked at, but that it is one to this question.
final class Forwarder {
    /// How long a query may take in all, as long as the C library waits for one server.
    static final Duration TIMEOUT = Duration.ofSeconds(5);

    static final int MOST_AT_ONCE = 512;

    private static final int LONGEST = 65535;
    private static final int SERVER_FAILURE = 2;
    private static final int NOT_IMPLEMENTED = 4;
    private static final int REFUSED = 5;

    private final EventLoop loop;
    private final Loops loops;
    private final List<InetSocketAddress> servers;
    private final Duration timeout;
    private final Duration share;
    private final RandomGenerator random;
    private final DnsStats stats;
    private final Set<Exchange> underWay = new HashSet<>();

    /// @param timeout of a query in all
    /// @param parallel whether all servers are asked at once, and the first answer counts (Istio's
    ///     `DNS_FORWARD_PARALLEL`)
    Forwarder(
            EventLoop loop,
            Loops loops,
            List<InetSocketAddress> servers,
            Duration timeout,
            boolean parallel,
            RandomGenerator random,
            DnsStats stats) {
        this.loop = loop;
        this.loops = loops;
        this.servers = List.copyOf(servers);
        this.timeout = timeout;
        this.share = parallel || servers.isEmpty() ? Duration.ZERO : timeout.dividedBy(servers.size());
        this.random = random;
        this.stats = stats;
    }

    /// @param query whole, as it came; this takes it over
    /// @param tcp whether the client asks by TCP, and so do we
    /// @param to told once, on the loop: the answer, with the client's number, which is then its own; null if
    ///     nobody answers
    void ask(ByteBuf query, Question question, boolean tcp, Consumer<@Nullable ByteBuf> to) {
        if (underWay.size() >= MOST_AT_ONCE) {
            query.release();
            stats.overflow.increment();
            to.accept(null);
            return;
        }
        stats.forwarded.increment();
        var exchange = new Exchange(query, question, tcp, to);
        underWay.add(exchange);
        exchange.begin();
    }

    /// Ends what is under way without an answer. On the loop.
    void close() {
        List.copyOf(underWay).forEach(exchange -> exchange.finish(null));
    }

    private final class Exchange {
        private final ByteBuf query;
        private final Question question;
        private final boolean tcp;
        private final Consumer<@Nullable ByteBuf> to;
        private final int number = random.nextInt(0x10000);
        private final long started = System.nanoTime();
        private final List<Channel> open = new ArrayList<>();
        private @Nullable Future<?> end;
        private @Nullable Future<?> turn;
        private int asked;
        private int waiting;
        private boolean over;
        /// An answer to fall back on: one that is cut short, or says that the server cannot answer.
        private @Nullable ByteBuf poor;

        private Exchange(ByteBuf query, Question question, boolean tcp, Consumer<@Nullable ByteBuf> to) {
            this.query = query;
            this.question = question;
            this.tcp = tcp;
            this.to = to;
            query.setShort(query.readerIndex(), number);
        }

        private void begin() {
            end = loop.schedule(() -> finish(null), timeout.toMillis(), TimeUnit.MILLISECONDS);
            next();
        }

        // Asks the next server, if there is one; if there is none and no answer to wait for, this is the end.
        private void next() {
            if (over) {
                return;
            }
            Future<?> before = turn;
            if (before != null) {
                before.cancel(false);
            }
            if (asked < servers.size()) {
                InetSocketAddress server = servers.get(asked++);
                if (asked < servers.size()) {
                    turn = loop.schedule(this::next, share.toMillis(), TimeUnit.MILLISECONDS);
                }
                ask(server, tcp);
            } else if (waiting == 0) {
                finish(null);
            }
        }

        private void ask(InetSocketAddress server, boolean byTcp) {
            waiting++;
            var bootstrap =
                    new Bootstrap().group(loop).option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) timeout.toMillis());
            if (byTcp) {
                bootstrap
                        .channel(loops.socketChannel())
                        .option(ChannelOption.TCP_NODELAY, true)
                        .handler(new ChannelInitializer<>() {
                            @Override
                            protected void initChannel(Channel channel) {
                                channel.pipeline()
                                        .addLast(new LengthFieldBasedFrameDecoder(LONGEST + 2, 0, 2, 0, 2))
                                        .addLast(new Heard(server, true));
                            }
                        });
            } else {
                // Connected, so that the kernel takes nothing from others and tells when nobody is there.
                bootstrap
                        .channel(loops.datagramChannel())
                        .option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(question.udpSize()))
                        .handler(new Heard(server, false));
            }
            bootstrap.connect(server).addListener((io.netty.channel.ChannelFuture connected) -> {
                if (over) {
                    connected.channel().close();
                    return;
                }
                if (!connected.isSuccess()) {
                    failed();
                    return;
                }
                Channel channel = connected.channel();
                open.add(channel);
                ByteBuf copy = query.retainedDuplicate();
                channel.writeAndFlush(
                                byTcp
                                        ? Unpooled.wrappedBuffer(
                                                channel.alloc().buffer(2).writeShort(query.readableBytes()), copy)
                                        : copy)
                        .addListener(written -> {
                            if (!written.isSuccess()) {
                                channel.close();
                            }
                        });
            });
        }

        private void failed() {
            waiting--;
            next();
        }

        // An answer to our question.
        private void answered(InetSocketAddress server, boolean byTcp, ByteBuf answer) {
            int code = Question.code(answer);
            if (code == SERVER_FAILURE || code == NOT_IMPLEMENTED || code == REFUSED) {
                fallBackOn(answer);
                failed();
                return;
            }
            boolean cut = (answer.getUnsignedShort(answer.readerIndex() + 2) & Question.FLAG_TRUNCATED) != 0;
            if (cut && !byTcp) {
                // Whole it may be short enough for the client, who may take more than the server gives by UDP.
                fallBackOn(answer);
                waiting--;
                ask(server, true);
            } else if (!tcp && answer.readableBytes() > question.udpSize()) {
                answer.release();
                finish(null);
            } else {
                finish(answer);
            }
        }

        // One that is cut short is better than one that is none.
        private void fallBackOn(ByteBuf answer) {
            ByteBuf before = poor;
            if (before == null || Question.code(before) != 0) {
                poor = answer;
                if (before != null) {
                    before.release();
                }
            } else {
                answer.release();
            }
        }

        private void finish(@Nullable ByteBuf answer) {
            if (over) {
                if (answer != null) {
                    answer.release();
                }
                return;
            }
            over = true;
            underWay.remove(this);
            stats.forwardedFor(System.nanoTime() - started);
            Future<?> atEnd = end;
            Future<?> atTurn = turn;
            if (atEnd != null) {
                atEnd.cancel(false);
            }
            if (atTurn != null) {
                atTurn.cancel(false);
            }
            List.copyOf(open).forEach(Channel::close);
            query.release();
            ByteBuf fallback = poor;
            poor = null;
            if (answer != null && fallback != null) {
                fallback.release();
            }
            ByteBuf best = answer == null ? fallback : answer;
            if (best != null) {
                best.setShort(best.readerIndex(), question.id());
            }
            to.accept(best);
        }

        /// One server's side.
        private final class Heard extends ChannelInboundHandlerAdapter {
            private final InetSocketAddress server;
            private final boolean byTcp;
            private boolean done;

            private Heard(InetSocketAddress server, boolean byTcp) {
                this.server = server;
                this.byTcp = byTcp;
            }

            @Override
            public void channelRead(ChannelHandlerContext context, Object message) {
                ByteBuf content = message instanceof DatagramPacket packet ? packet.content() : (ByteBuf) message;
                // What is no answer to this question was not sent by the server, or belongs to nobody.
                if (done || over || !question.isAnsweredBy(content, number)) {
                    ReferenceCountUtil.release(message);
                    return;
                }
                done = true;
                ByteBuf answer = content.copy();
                ReferenceCountUtil.release(message);
                answered(server, byTcp, answer);
                context.close();
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
                context.close();
            }

            @Override
            public void channelInactive(ChannelHandlerContext context) {
                open.remove(context.channel());
                if (!done && !over) {
                    done = true;
                    failed();
                }
            }
        }
    }
}
