package dev.mesh.proxy.hcm;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import dev.mesh.api.decide.ConnectionView;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.proxy.cluster.ClientSource;
import dev.mesh.proxy.cluster.ClusterManager;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.DownstreamConnection;
import dev.mesh.proxy.filter.HttpFilter;
import dev.mesh.proxy.filter.HttpFilterContext;
import dev.mesh.proxy.filter.HttpFilterFactory;
import dev.mesh.proxy.filter.HttpFilterRegistry;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.http.ServerStream;
import dev.mesh.proxy.http.StreamListener;
import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.stats.StatsStore;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Filters that stop and go: each sees everything once and in order, and so does what comes behind them.
@NullUnmarked
class FilterOrderTest {
    private final List<String> seen = new ArrayList<>();
    private final Set<String> stops = new HashSet<>();
    private final Client client = new Client();
    private HttpFilterContext context;

    /// Writes down what it sees, and stops at what `stops` says.
    private final class Watcher implements HttpFilter {
        private final String name;

        private Watcher(String name) {
            this.name = name;
        }

        private Status see(String what) {
            seen.add(name + ":" + what);
            return stops.remove(name + ":" + what) ? Status.STOP : Status.CONTINUE;
        }

        @Override
        public Status onRequestHead(RequestHead head, boolean end, HttpFilterContext asked) {
            context = asked;
            return see("head");
        }

        @Override
        public Status onRequestData(ByteBuf data, boolean end, HttpFilterContext asked) {
            String text = data.toString(StandardCharsets.US_ASCII) + (end ? "." : "");
            if (name.equals("end")) {
                data.release();
            }
            return see(text);
        }

        @Override
        public Status onRequestTrailers(HeaderMap trailers, HttpFilterContext asked) {
            return see("trailers");
        }

        @Override
        public Status onResponseHead(ResponseHead head, boolean end, HttpFilterContext asked) {
            return see("answer");
        }

        @Override
        public Status onResponseData(ByteBuf data, boolean end, HttpFilterContext asked) {
            return see("<" + data.toString(StandardCharsets.US_ASCII) + (end ? "." : ""));
        }

        @Override
        public void onResponseWritable(boolean writable) {
            seen.add(writable ? "go" : "wait");
        }
    }

    private record Factory(String typeUrl, boolean terminal, HttpFilter.Bound bound) implements HttpFilterFactory {
        @Override
        public String perRouteTypeUrl() {
            return null;
        }

        @Override
        public HttpFilter.Bound bind(Any config, BindContext context) {
            return bound;
        }

        @Override
        public Object bindPerRoute(Any config) {
            return config;
        }
    }

    private record Binding(HttpFilterRegistry httpFilters) implements BindContext {
        @Override
        public ClusterManager clusters() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Scope stats() {
            return new StatsStore();
        }

        @Override
        public Supplier<RouteTable> routes(String routeConfigurationName) {
            return () -> null;
        }

        @Override
        public boolean isStatic() {
            return false;
        }

        @Override
        public Direction direction() {
            return Direction.UNSPECIFIED;
        }
    }

    private record View(InetAddress sourceAddress) implements ConnectionView {
        @Override
        public InetAddress destinationAddress() {
            return sourceAddress;
        }

        @Override
        public int destinationPort() {
            return 80;
        }

        @Override
        public int sourcePort() {
            return 1;
        }

        @Override
        public InetAddress directSourceAddress() {
            return sourceAddress;
        }

        @Override
        public String serverName() {
            return "";
        }

        @Override
        public String transportProtocol() {
            return "raw_buffer";
        }

        @Override
        public List<String> applicationProtocols() {
            return List.of();
        }

        @Override
        public String peerPrincipal() {
            return null;
        }
    }

    private record Accepted(ConnectionView view) implements DownstreamConnection {
        @Override
        public long id() {
            return 1;
        }

        @Override
        public String listenerName() {
            return "";
        }

        @Override
        public String filterChainName() {
            return "";
        }

        @Override
        public Scope listenerScope() {
            return new StatsStore();
        }

        @Override
        public String negotiatedProtocol() {
            return "h2";
        }

        @Override
        public int bufferLimit() {
            return 1024;
        }

        @Override
        public @Nullable ClientSource clientSource() {
            return null;
        }

        @Override
        public boolean draining() {
            return false;
        }

        @Override
        public void onDrain(Runnable action) {}
    }

    private final class Client implements ServerStream {
        private int pauses;

        @Override
        public void informational(ResponseHead head) {}

        @Override
        public void response(ResponseHead head, boolean end) {
            seen.add("client:answer");
        }

        @Override
        public void drainConnection() {}

        @Override
        public void data(ByteBuf data, boolean end) {
            seen.add("client:<" + data.toString(StandardCharsets.US_ASCII) + (end ? "." : ""));
            data.release();
        }

        @Override
        public void trailers(HeaderMap trailers) {}

        @Override
        public void reset(ResetReason reason) {}

        @Override
        public boolean isWritable() {
            return true;
        }

        @Override
        public void pauseReading(boolean pause) {
            pauses += pause ? 1 : -1;
        }

        @Override
        public void flush() {}
    }

    private static ByteBuf text(String text) {
        return Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII);
    }

    private StreamListener request() throws Exception {
        var proto = HttpConnectionManager.newBuilder()
                .setStatPrefix("test")
                .setRouteConfig(RouteConfiguration.newBuilder().setName("none"));
        var factories = new ArrayList<HttpFilterFactory>();
        for (String name : List.of("a", "b", "end")) {
            factories.add(new Factory("test/" + name, name.equals("end"), () -> new Watcher(name)));
            proto.addHttpFiltersBuilder()
                    .setName(name)
                    .setTypedConfig(Any.newBuilder().setTypeUrl("test/" + name));
        }
        var bound = new HttpConnectionManagerFactory(List.of())
                .bind(Any.pack(proto.build()), new Binding(new HttpFilterRegistry(factories)));
        var connection = new HttpConnection(
                (ConnectionManager) bound,
                new Accepted(new View(InetAddress.getLoopbackAddress())),
                new EmbeddedChannel());
        return connection.onRequest(
                client, new RequestHead("POST", "http", "a", "/", Protocol.HTTP_2, new HeaderMap()), false);
    }

    @Test
    void whatComesBehindAStopStaysBehindIt() throws Exception {
        stops.add("a:head");
        stops.add("b:1");
        var listener = request();
        listener.onData(text("1"), false);
        listener.onData(text("2"), false);
        listener.onTrailers(new HeaderMap());
        assertThat(seen).containsExactly("a:head");
        assertThat(client.pauses).isEqualTo(1);

        context.continueRequest();
        assertThat(seen).containsExactly("a:head", "b:head", "end:head", "a:1", "b:1");
        assertThat(client.pauses).isEqualTo(1);

        context.continueRequest();
        assertThat(seen)
                .containsExactly(
                        "a:head",
                        "b:head",
                        "end:head",
                        "a:1",
                        "b:1",
                        "end:1",
                        "a:2",
                        "b:2",
                        "end:2",
                        "a:trailers",
                        "b:trailers",
                        "end:trailers");
        assertThat(client.pauses).isZero();
    }

    @Test
    void trailersCanBeStoppedToo() throws Exception {
        stops.add("a:trailers");
        var listener = request();
        listener.onTrailers(new HeaderMap());
        assertThat(client.pauses).isEqualTo(1);
        context.continueRequest();
        assertThat(seen).endsWith("a:trailers", "b:trailers", "end:trailers");
        assertThat(client.pauses).isZero();
    }

    @Test
    void theAnswerKeepsItsOrderAndHoldsBackTheUpstream() throws Exception {
        stops.add("b:answer");
        stops.add("a:<1");
        request();
        seen.clear();
        context.responseHead(new ResponseHead(200, new HeaderMap()), false);
        context.responseData(text("1"), false);
        context.responseData(text("2"), true);
        assertThat(seen).containsExactly("b:answer", "wait");
        assertThat(context.responseWritable()).isFalse();

        context.continueResponse();
        assertThat(seen).containsExactly("b:answer", "wait", "a:answer", "client:answer", "b:<1", "a:<1", "wait");
        context.continueResponse();
        assertThat(seen)
                .containsExactly(
                        "b:answer",
                        "wait",
                        "a:answer",
                        "client:answer",
                        "b:<1",
                        "a:<1",
                        "wait",
                        "client:<1",
                        "b:<2.",
                        "a:<2.",
                        "client:<2.");
    }
}
