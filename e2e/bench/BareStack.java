import com.google.gson.Gson;
import com.google.protobuf.util.JsonFormat;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.LoggerFactory;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/// What mesh-proxy stands on, and nothing of mesh: the libraries of its class path, an Envoy bootstrap read with them,
/// one ADS stream, a TLS context, and an HTTP/1.1 reverse proxy from the listener `h1` to the cluster `h1` with
/// connections kept for each event loop. It has no filters, routes, statistics or log. `make bench` shows its memory
/// beside mesh-proxy's.
///
/// Usage: BareStack BOOTSTRAP
final class BareStack {
    private final ArrayDeque<Channel> idle = new ArrayDeque<>();
    private final MultiThreadIoEventLoopGroup loops =
            new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final InetSocketAddress upstream;

    private BareStack(InetSocketAddress upstream) {
        this.upstream = upstream;
    }

    public static void main(String[] arguments) throws Exception {
        Object tree = new Load(LoadSettings.builder().setMaxAliasesForCollections(1000).build())
                .loadFromString(Files.readString(Path.of(arguments[0])));
        var read = Bootstrap.newBuilder();
        var types = JsonFormat.TypeRegistry.newBuilder()
                .add(List.of(
                        HttpConnectionManager.getDescriptor(), Router.getDescriptor(), Cors.getDescriptor(),
                        HTTPFault.getDescriptor(), FileAccessLog.getDescriptor(), TcpProxy.getDescriptor(),
                        HttpProtocolOptions.getDescriptor()))
                .build();
        JsonFormat.parser().usingTypeRegistry(types).merge(new Gson().toJson(tree), read);
        Bootstrap bootstrap = read.build();
        SslContextBuilder.forClient().sslProvider(SslProvider.OPENSSL).build();
        subscribe(bootstrap);
        SocketAddress listener =
                bootstrap.getStaticResources().getListeners(0).getAddress().getSocketAddress();
        new BareStack(address(cluster(bootstrap, "h1")))
                .serve(new InetSocketAddress(listener.getAddress(), listener.getPortValue()));
        LoggerFactory.getLogger(BareStack.class).atInfo().log("serving");
    }

    private static Cluster cluster(Bootstrap bootstrap, String name) {
        return bootstrap.getStaticResources().getClustersList().stream()
                .filter(each -> each.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static InetSocketAddress address(Cluster cluster) {
        SocketAddress address = cluster.getLoadAssignment()
                .getEndpoints(0)
                .getLbEndpoints(0)
                .getEndpoint()
                .getAddress()
                .getSocketAddress();
        return new InetSocketAddress(address.getAddress(), address.getPortValue());
    }

    private static void subscribe(Bootstrap bootstrap) {
        var channel = NettyChannelBuilder.forAddress(address(cluster(bootstrap, "xds")))
                .usePlaintext()
                .build();
        StreamObserver<DeltaDiscoveryRequest> requests =
                AggregatedDiscoveryServiceGrpc.newStub(channel).deltaAggregatedResources(new StreamObserver<>() {
                    @Override
                    public void onNext(DeltaDiscoveryResponse response) {}

                    @Override
                    public void onError(Throwable error) {
                        LoggerFactory.getLogger(BareStack.class).atWarn().log(error.toString());
                    }

                    @Override
                    public void onCompleted() {}
                });
        requests.onNext(DeltaDiscoveryRequest.newBuilder()
                .setNode(bootstrap.getNode())
                .setTypeUrl("type.googleapis.com/envoy.config.listener.v3.Listener")
                .build());
    }

    private void serve(InetSocketAddress address) throws InterruptedException {
        new ServerBootstrap()
                .group(loops)
                .channel(EpollServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, 4096)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline().addLast(new HttpServerCodec(), new Downstream());
                    }
                })
                .bind(address)
                .sync();
    }

    /// A connection of a client; its requests go upstream one after another.
    private final class Downstream extends ChannelInboundHandlerAdapter {
        private Channel up;
        private final List<Object> waiting = new ArrayList<>();
        private boolean asked;

        @Override
        public void channelRead(ChannelHandlerContext client, Object part) {
            if (up != null) {
                up.writeAndFlush(part);
                return;
            }
            waiting.add(part);
            if (asked) {
                return;
            }
            asked = true;
            Channel kept = idle.poll();
            if (kept != null) {
                connected(client, kept);
                return;
            }
            new io.netty.bootstrap.Bootstrap()
                    .group(client.channel().eventLoop())
                    .channel(EpollSocketChannel.class)
                    .handler(new ChannelInitializer<Channel>() {
                        @Override
                        protected void initChannel(Channel channel) {
                            channel.pipeline().addLast(new HttpClientCodec(), new Upstream());
                        }
                    })
                    .connect(upstream)
                    .addListener((io.netty.channel.ChannelFuture done) -> {
                        if (done.isSuccess()) {
                            connected(client, done.channel());
                        } else {
                            waiting.forEach(ReferenceCountUtil::release);
                            client.close();
                        }
                    });
        }

        private void connected(ChannelHandlerContext client, Channel channel) {
            up = channel;
            channel.pipeline().get(Upstream.class).client = client;
            waiting.forEach(channel::write);
            waiting.clear();
            channel.flush();
        }

        private void answered() {
            idle.push(up);
            up = null;
            asked = false;
        }

        @Override
        public void channelInactive(ChannelHandlerContext client) {
            waiting.forEach(ReferenceCountUtil::release);
            waiting.clear();
            if (up != null) {
                up.close();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext client, Throwable error) {
            client.close();
        }
    }

    /// A connection to the upstream, which answers the client that it is lent to.
    private final class Upstream extends ChannelInboundHandlerAdapter {
        private ChannelHandlerContext client;

        @Override
        public void channelRead(ChannelHandlerContext channel, Object part) {
            ChannelHandlerContext asking = client;
            boolean last = part instanceof LastHttpContent;
            if (last) {
                client = null;
                asking.pipeline().get(Downstream.class).answered();
            }
            asking.writeAndFlush(part);
        }

        @Override
        public void channelInactive(ChannelHandlerContext channel) {
            idle.remove(channel.channel());
            if (client != null) {
                client.close();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext channel, Throwable error) {
            channel.close();
        }
    }
}
