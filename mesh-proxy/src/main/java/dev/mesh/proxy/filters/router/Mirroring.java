package dev.mesh.proxy.filters.router;

import dev.mesh.api.decide.RouteAction;
import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.ClusterSpec;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.cluster.LoadBalancerContext;
import dev.mesh.proxy.filter.HttpFilterContext;
import dev.mesh.proxy.http.ClientConnection;
import dev.mesh.proxy.http.ClientStream;
import dev.mesh.proxy.http.ClientStreamListener;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.upstream.ConnectionOptions;
import dev.mesh.proxy.upstream.PoolCallback;
import dev.mesh.proxy.upstream.PoolFailure;
import io.netty.buffer.ByteBuf;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// The copies of a request that go to mirror clusters. Their responses are dropped, and what becomes of them
/// never touches the request itself. Event loop only.
final class Mirroring {
    private final List<Copy> copies;

    private Mirroring(List<Copy> copies) {
        this.copies = copies;
    }

    /// @return null if this request is not mirrored
    static @Nullable Mirroring start(
            RouterFilter.Shared shared,
            HttpFilterContext context,
            RouteAction.Forward action,
            RequestHead head,
            boolean end) {
        var copies = new ArrayList<Copy>(1);
        for (var mirror : action.mirrors()) {
            if (context.random().nextLong(mirror.denominator()) >= mirror.numerator()) {
                continue;
            }
            String name = mirror.cluster();
            if (name.isEmpty()) {
                String value = context.requestView().header(mirror.clusterHeader());
                name = value == null ? "" : value;
            }
            Cluster cluster = shared.clusters().cluster(name);
            Host host = cluster == null
                    ? null
                    : cluster.choose(
                            new Blind(context.random(), RouterFilter.originalDestination(context.stream()), head));
            if (cluster == null || host == null) {
                continue;
            }
            String authority = head.authority();
            if (mirror.shadowHostSuffix()) {
                int colon = authority.lastIndexOf(':');
                authority = colon > authority.lastIndexOf(']')
                        ? authority.substring(0, colon) + "-shadow" + authority.substring(colon)
                        : authority + "-shadow";
            }
            var copy = new RequestHead(
                    head.method(),
                    head.scheme(),
                    authority,
                    head.path(),
                    head.protocol(),
                    head.headers().copy());
            Protocol protocol =
                    cluster.spec().http() == ClusterSpec.HttpVersion.HTTP_2 ? Protocol.HTTP_2 : Protocol.HTTP_1_1;
            var started = new Copy(copy, host, end, context.bufferLimit());
            copies.add(started);
            cluster.stats().rqTotal.inc();
            shared.pools()
                    .pool(
                            context.eventLoop(),
                            cluster,
                            host,
                            protocol,
                            action.priority(),
                            ConnectionOptions.of(RouterFilter.serverName(cluster, authority), null))
                    .acquire(started);
        }
        return copies.isEmpty() ? null : new Mirroring(copies);
    }

    /// Keeps its own reference to `data`.
    void data(ByteBuf data, boolean end) {
        for (Copy copy : copies) {
            copy.data(data.retainedDuplicate(), end);
        }
    }

    void flush() {
        copies.forEach(Copy::flush);
    }

    /// @param whole whether the request had come to its end; a copy of half a request is given up
    void requestGone(boolean whole) {
        if (!whole) {
            copies.forEach(Copy::abandon);
        }
    }

    private record Blind(RandomGenerator random, @Nullable InetSocketAddress originalDestination, RequestHead head)
            implements LoadBalancerContext {
        @Override
        public @Nullable String requestHeader(String name) {
            return head.headers().get(name);
        }
    }

    private static final class Copy implements PoolCallback, ClientStreamListener {
        private final RequestHead head;
        private final Host host;
        private final ArrayDeque<ByteBuf> waiting = new ArrayDeque<>();
        private final int limit;
        private int bytes;
        private boolean end;
        private boolean over;
        private @Nullable ClientStream stream;

        private Copy(RequestHead head, Host host, boolean end, int limit) {
            this.head = head;
            this.host = host;
            this.end = end;
            this.limit = limit;
        }

        @Override
        public ClientStreamListener listener() {
            return this;
        }

        @Override
        public void onStream(ClientStream ready, ClientConnection connection, @Nullable SocketAddress localAddress) {
            if (over) {
                ready.reset(ResetReason.LOCAL_RESET);
                return;
            }
            stream = ready;
            host.report(new Host.Outcome.ConnectSuccess());
            ready.request(head, end && waiting.isEmpty());
            ByteBuf data;
            while ((data = waiting.poll()) != null) {
                ready.data(data, end && waiting.isEmpty());
            }
            ready.flush();
        }

        @Override
        public void onFailure(PoolFailure failure, String detail) {
            if (failure != PoolFailure.OVERFLOW) {
                host.report(new Host.Outcome.ConnectFailure());
            }
            abandon();
        }

        private void data(ByteBuf data, boolean last) {
            end |= last;
            ClientStream to = stream;
            if (over) {
                data.release();
            } else if (to != null) {
                // A mirror that does not keep up is dropped, so that it cannot hold back the request.
                if (to.isWritable()) {
                    to.data(data, last);
                } else {
                    data.release();
                    abandon();
                }
            } else {
                bytes += data.readableBytes();
                waiting.add(data);
                if (bytes > limit) {
                    abandon();
                }
            }
        }

        private void flush() {
            if (stream != null) {
                stream.flush();
            }
        }

        private void abandon() {
            if (over) {
                return;
            }
            over = true;
            waiting.forEach(ByteBuf::release);
            waiting.clear();
            if (stream != null) {
                stream.reset(ResetReason.LOCAL_RESET);
            }
        }

        @Override
        public void onInformational(ResponseHead informational) {}

        @Override
        public void onResponse(ResponseHead response, boolean last) {
            host.report(UpstreamAttempt.outcome(response));
        }

        @Override
        public void onData(ByteBuf data, boolean last) {
            data.release();
        }

        @Override
        public void onTrailers(HeaderMap trailers) {}

        @Override
        public void onReset(ResetReason reason, String detail) {
            if (!over) {
                host.report(new Host.Outcome.Reset());
            }
            over = true;
            waiting.forEach(ByteBuf::release);
            waiting.clear();
        }

        @Override
        public void onWritable(boolean writable) {}
    }
}
