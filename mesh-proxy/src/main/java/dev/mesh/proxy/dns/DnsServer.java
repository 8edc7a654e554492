package dev.mesh.proxy.dns;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.proxy.io.Addresses;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.io.ResolvConf;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DatagramPacket;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.timeout.IdleStateHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The DNS server of a pod, over UDP and TCP. All its work is on one event loop.
///
/// Before the first table has come every question is answered with SERVFAIL: a name of the mesh would else be looked
/// for
/// where it is not known, or known as something else. Once there is one it stays until a newer comes, whether or not
/// the control plane is there.
public final class DnsServer implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(DnsServer.class);
    private static final int MOST_CONNECTIONS = 256;
    private static final int MOST_QUERIES_OF_A_CONNECTION = 16;
    private static final int LONGEST_QUERY = 4096;
    private static final int LONGEST_ANSWER = 65535;
    private static final int IDLE_SECONDS = 10;
    private static final int TRIES_FOR_A_FREE_PORT = 20;

    /// What a server is made of.
    ///
    /// @param addresses where it listens, on one port: 0 = a free one
    /// @param namespace of the pod
    /// @param domain of the pod's namespace, such as `shop.svc.cluster.local`
    /// @param upstreams name servers that the rest is asked of, in their order
    /// @param search domains of `resolv.conf`
    /// @param parallel whether all upstreams are asked at once
    public record Settings(
            List<InetAddress> addresses,
            int port,
            String namespace,
            String domain,
            List<InetSocketAddress> upstreams,
            List<String> search,
            boolean parallel) {
        private static final int DNS = 53;

        public Settings {
            addresses = List.copyOf(addresses);
            upstreams = List.copyOf(upstreams);
            search = List.copyOf(search);
        }

        /// That of a pod. As a client without a list would, one without name servers asks its own machine.
        public static Settings of(
                List<InetAddress> addresses,
                int port,
                String namespace,
                String domain,
                ResolvConf pod,
                boolean parallel) {
            var upstreams = new ArrayList<InetSocketAddress>();
            pod.nameServers().forEach(server -> upstreams.add(new InetSocketAddress(literal(server), DNS)));
            return new Settings(addresses, port, namespace, domain, upstreams, pod.search(), parallel);
        }

        // A zone that this machine does not have makes an address that nobody can be asked at.
        private static InetAddress literal(String server) {
            try {
                return InetAddress.ofLiteral(server);
            } catch (IllegalArgumentException e) {
                return InetAddress.ofLiteral(server.replaceFirst("%.*", ""));
            }
        }
    }

    /// A table, and what was made of it.
    private record Known(NameTable table, Names names) {}

    private final Settings settings;
    private final Names.Place place;
    private final EventLoop loop;
    private final Loops loops;
    private final DnsStats stats = new DnsStats();
    private final Answers answers;
    private final Forwarder forwarder;
    private final List<Channel> bound = new ArrayList<>();
    private volatile @Nullable Known known;
    private int connections; // on the loop

    private DnsServer(Settings settings, Loops loops, Duration timeout) {
        this.settings = settings;
        this.loops = loops;
        loop = loops.all().getFirst();
        place = Names.Place.of(settings.namespace(), settings.domain(), settings.search());
        var random = RandomGenerator.getDefault();
        answers = new Answers(ByteBufAllocator.DEFAULT, random);
        forwarder = new Forwarder(
                loop,
                loops,
                settings.upstreams(),
                timeout,
                settings.parallel(),
                new java.security.SecureRandom(),
                stats);
    }

    /// @param loops shared, not closed by this
    /// @throws IOException if it cannot listen; the message says where
    public static DnsServer start(Settings settings, Loops loops) throws IOException {
        return start(settings, loops, Forwarder.TIMEOUT);
    }

    static DnsServer start(Settings settings, Loops loops, Duration timeout) throws IOException {
        var server = new DnsServer(settings, loops, timeout);
        try {
            server.bind();
        } catch (IOException e) {
            server.close();
            throw e;
        }
        LOGGER.atInfo()
                .addKeyValue("port", server.port())
                .addKeyValue(
                        "upstreams",
                        settings.upstreams().stream().map(Addresses::text).toList())
                .log("answers DNS questions");
        return server;
    }

    // A port that is free for UDP need not be so for TCP, or at another address.
    private void bind() throws IOException {
        for (int tries = 1; ; tries++) {
            try {
                int port = settings.port();
                for (InetAddress address : settings.addresses()) {
                    port = bind(new InetSocketAddress(address, port));
                }
                return;
            } catch (IOException e) {
                closeAll();
                if (settings.port() != 0 || tries == TRIES_FOR_A_FREE_PORT) {
                    throw e;
                }
            }
        }
    }

    private int bind(InetSocketAddress at) throws IOException {
        Channel udp = bound(
                at,
                new Bootstrap()
                        .group(loop)
                        .channel(loops.datagramChannel())
                        .option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(LONGEST_QUERY))
                        .handler(new Datagrams())
                        .bind(at),
                "UDP");
        var with = new InetSocketAddress(at.getAddress(), ((InetSocketAddress) udp.localAddress()).getPort());
        bound(
                with,
                new ServerBootstrap()
                        .group(loop)
                        .channel(loops.serverChannel())
                        .option(ChannelOption.SO_REUSEADDR, true)
                        .childOption(ChannelOption.TCP_NODELAY, true)
                        .childHandler(new ChannelInitializer<>() {
                            @Override
                            protected void initChannel(Channel channel) {
                                accept(channel);
                            }
                        })
                        .bind(with),
                "TCP");
        return with.getPort();
    }

    private Channel bound(InetSocketAddress at, ChannelFuture binding, String protocol) throws IOException {
        binding.awaitUninterruptibly();
        if (!binding.isSuccess()) {
            throw new IOException(
                    "cannot answer DNS questions at " + at.getAddress().getHostAddress() + ":" + at.getPort() + " ("
                            + protocol + "): " + binding.cause().getMessage(),
                    binding.cause());
        }
        bound.add(binding.channel());
        return binding.channel();
    }

    /// Where it listens.
    public int port() {
        return ((InetSocketAddress) bound.getFirst().localAddress()).getPort();
    }

    /// Takes the newest table of the control plane. Any thread.
    public void names(NameTable table) {
        var names = Names.of(table, place);
        boolean first = known == null;
        known = new Known(table, names);
        (first ? LOGGER.atInfo() : LOGGER.atDebug())
                .addKeyValue("names", names.size())
                .log("names of the mesh");
    }

    /// Whether a table has come. Any thread.
    public boolean hasNames() {
        return known != null;
    }

    /// The table as JSON; empty if none has come. Any thread.
    public String table() {
        Known newest = known;
        if (newest == null) {
            return "";
        }
        try {
            return JsonFormat.printer().print(newest.table()) + "\n";
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("a table has no Any", e);
        }
    }

    /// Counters in Prometheus' text format. Any thread.
    public String metrics() {
        Known newest = known;
        return stats.text(newest == null ? 0 : newest.names().size());
    }

    // ---- on the loop ----

    /// @param query of one message; this takes it over
    /// @param to told once, unless what came is nothing to be answered
    private void serve(ByteBuf query, boolean tcp, Consumer<ByteBuf> to) {
        switch (Question.read(query)) {
            case Question.Read.Malformed _ -> {
                stats.malformed.increment();
                query.release();
                to.accept(Unpooled.EMPTY_BUFFER);
            }
            case Question.Read.Refused refused -> {
                stats.requests.increment();
                query.release();
                to.accept(answers.refusal(refused));
            }
            case Question.Read.Asked(Question question) -> {
                stats.requests.increment();
                answer(query, question, tcp, to);
            }
        }
    }

    private void answer(ByteBuf query, Question question, boolean tcp, Consumer<ByteBuf> to) {
        Known newest = known;
        if (newest == null) {
            query.release();
            to.accept(answers.failure(question, Answers.SERVER_FAILURE));
            return;
        }
        Names.Found found = question.internet() ? newest.names().find(question.name()) : null;
        if (found != null && (question.type() == Question.A || question.type() == Question.AAAA)) {
            query.release();
            to.accept(answers.of(question, found, tcp ? LONGEST_ANSWER : question.udpSize()));
            return;
        }
        forwarder.ask(query, question, tcp, answer -> {
            if (answer == null) {
                stats.failures.increment();
                to.accept(answers.failure(question, Answers.SERVER_FAILURE));
            } else if (found != null && Question.code(answer) == Answers.NAME_ERROR) {
                // There is no such name out there, but there is one here: it only has nothing of this kind.
                answer.release();
                to.accept(answers.failure(question, 0));
            } else {
                to.accept(answer);
            }
        });
    }

    private final class Datagrams extends SimpleChannelInboundHandler<DatagramPacket> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, DatagramPacket packet) {
            serve(packet.content().retain(), false, answer -> {
                if (answer.isReadable()) {
                    context.writeAndFlush(new DatagramPacket(answer, packet.sender()));
                }
            });
        }

        // An answer that nobody waits for any more (ICMP) is no reason to stop.
        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            LOGGER.atDebug().addKeyValue("reason", cause.getMessage()).log("a DNS client cannot be reached");
        }
    }

    private void accept(Channel channel) {
        if (connections >= MOST_CONNECTIONS) {
            stats.overflow.increment();
            channel.close();
            return;
        }
        connections++;
        channel.closeFuture().addListener(closed -> connections--);
        channel.pipeline()
                .addLast(new IdleStateHandler(0, 0, IDLE_SECONDS, TimeUnit.SECONDS))
                .addLast(new LengthFieldBasedFrameDecoder(LONGEST_QUERY + 2, 0, 2, 0, 2))
                .addLast(new Connection());
    }

    /// A client's connection: several queries at once are answered as answers come (RFC 7766, section 6.2.1.1).
    private final class Connection extends ChannelInboundHandlerAdapter {
        private int underWay;

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            underWay++;
            rest(context);
            serve((ByteBuf) message, true, answer -> {
                underWay--;
                rest(context);
                if (!answer.isReadable()) {
                    context.close(); // what is no query is the end of any understanding
                    return;
                }
                context.writeAndFlush(
                        Unpooled.wrappedBuffer(context.alloc().buffer(2).writeShort(answer.readableBytes()), answer));
            });
        }

        // Who asks faster than is answered, or does not read, is not read.
        private void rest(ChannelHandlerContext context) {
            context.channel()
                    .config()
                    .setAutoRead(underWay < MOST_QUERIES_OF_A_CONNECTION
                            && context.channel().isWritable());
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext context) {
            rest(context);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) {
            if (underWay == 0) {
                context.close();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            if (cause instanceof io.netty.handler.codec.DecoderException) {
                stats.malformed.increment();
            }
            context.close();
        }
    }

    /// Ends at once: what is asked outside is answered with SERVFAIL as far as it still can be.
    @Override
    public void close() {
        if (!loop.isShuttingDown()) {
            loop.submit(forwarder::close).awaitUninterruptibly(1, TimeUnit.SECONDS);
        }
        closeAll();
    }

    private void closeAll() {
        bound.forEach(channel -> channel.close().awaitUninterruptibly(1, TimeUnit.SECONDS));
        bound.clear();
    }
}
