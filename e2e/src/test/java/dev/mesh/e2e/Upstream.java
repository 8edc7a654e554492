package dev.mesh.e2e;

import io.grpc.netty.NettyServerBuilder;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// A workload with servers of others' making, on the ports that `meshctl up` gives it: gRPC (grpc-java), HTTP/1.1 with
/// WebSocket (Netty), and TCP.
final class Upstream {
    private static final int MAX_MESSAGE = 64 << 20;

    private Upstream() {}

    public static void main(String[] arguments) throws Exception {
        NettyServerBuilder.forAddress(at("PORT_GRPC"))
                .maxInboundMessageSize(MAX_MESSAGE)
                .addService(new TextService("text"))
                .build()
                .start();
        http();
        tcp();
        new CountDownLatch(1).await();
    }

    private static InetSocketAddress at(String variable) {
        return new InetSocketAddress(
                InetAddress.getLoopbackAddress(),
                Integer.parseInt(System.getenv().getOrDefault(variable, "")));
    }

    private static void http() throws InterruptedException {
        new ServerBootstrap()
                .group(new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory()))
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        channel.pipeline()
                                .addLast(
                                        new HttpServerCodec(),
                                        new HttpObjectAggregator(MAX_MESSAGE),
                                        new Lengths(),
                                        new WebSocketServerProtocolHandler(WebSocketServerProtocolConfig.newBuilder()
                                                .websocketPath("/echo/chat")
                                                .handleCloseFrames(false)
                                                .maxFramePayloadLength(1 << 20)
                                                .build()),
                                        new Chat());
                    }
                })
                .bind(at("PORT_HTTP"))
                .sync();
    }

    /// Answers `/echo/length` with the length of what it was sent.
    private static final class Lengths extends SimpleChannelInboundHandler<FullHttpRequest> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
            if (!request.uri().equals("/echo/length")) {
                context.fireChannelRead(request.retain());
                return;
            }
            var body = Unpooled.copiedBuffer("" + request.content().readableBytes(), StandardCharsets.US_ASCII);
            var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK, body);
            HttpUtil.setContentLength(response, body.readableBytes());
            context.writeAndFlush(response);
        }
    }

    /// Says each message again; `later MILLIS` after a pause, `close CODE REASON` closes, and a close is answered with
    /// its own code.
    private static final class Chat extends SimpleChannelInboundHandler<WebSocketFrame> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, WebSocketFrame frame) {
            switch (frame) {
                case TextWebSocketFrame text
                when text.text().startsWith("later ") -> {
                    var answer = new TextWebSocketFrame("at last");
                    long pause = Long.parseLong(text.text().substring("later ".length()));
                    context.executor().schedule(() -> context.writeAndFlush(answer), pause, TimeUnit.MILLISECONDS);
                }
                case TextWebSocketFrame text
                when text.text().startsWith("close ") -> {
                    String[] words = text.text().split(" ", 3);
                    context.writeAndFlush(new CloseWebSocketFrame(Integer.parseInt(words[1]), words[2]));
                }
                case CloseWebSocketFrame close ->
                    context.writeAndFlush(close.retain()).addListener(ChannelFutureListener.CLOSE);
                case TextWebSocketFrame text -> context.writeAndFlush(text.retain());
                case BinaryWebSocketFrame binary -> context.writeAndFlush(binary.retain());
                default -> throw new IllegalStateException("unexpected " + frame);
            }
        }
    }

    private static void tcp() throws IOException {
        var server = new ServerSocket();
        server.bind(at("PORT_TCP"));
        Thread.ofPlatform().name("tcp").start(() -> {
            try {
                while (true) {
                    Socket socket = server.accept();
                    Thread.ofVirtual().start(() -> talk(socket));
                }
            } catch (IOException e) {
                System.exit(1);
            }
        });
    }

    // `L`: says the length of all that comes, once the client has ended its side. `F`: speaks and ends its own side at
    // once, then counts on, and says to the log what came.
    private static void talk(Socket socket) {
        try (socket) {
            var in = new BufferedInputStream(socket.getInputStream());
            int kind = in.read();
            if (kind == 'F') {
                socket.getOutputStream().write("farewell".getBytes(StandardCharsets.US_ASCII));
                socket.shutdownOutput();
            }
            long length = 0;
            byte[] some = new byte[65536];
            for (int read = in.read(some); read >= 0; read = in.read(some)) {
                length += read;
            }
            if (kind == 'F') {
                say("tcp got " + length + " after its end");
            } else {
                socket.getOutputStream().write(("" + length).getBytes(StandardCharsets.US_ASCII));
            }
        } catch (IOException e) {
            say("tcp: " + e);
        }
    }

    @SuppressWarnings("SystemOut") // its log
    private static void say(String line) {
        System.out.println(line);
    }
}
