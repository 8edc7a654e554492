package dev.mesh.proxy.upstream;

import dev.mesh.api.decide.RouteAction.Priority;
import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.http.Protocol;
import io.netty.channel.EventLoop;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/// All connection pools of the process: one for each event loop, cluster, host, protocol and priority, so that
/// a request never leaves its loop.
public final class UpstreamPools {
    private final Connector connector;
    private final Map<EventLoop, OfLoop> loops = new ConcurrentHashMap<>();

    public UpstreamPools(Connector connector) {
        this.connector = connector;
    }

    /// The pool for a request on `loop`, which is the caller's.
    ///
    /// @param options that its connections have
    public HttpPool pool(
            EventLoop loop,
            Cluster cluster,
            Host host,
            Protocol protocol,
            Priority priority,
            ConnectionOptions options) {
        OfLoop mine = loops.get(loop);
        if (mine == null) {
            mine = loops.computeIfAbsent(loop, OfLoop::new);
        }
        return mine.pool(cluster, host, protocol, priority, options);
    }

    /// Drains pools to hosts or clusters that are no longer live. Any thread.
    public void sweep() {
        loops.forEach((loop, pools) -> loop.execute(pools::sweep));
    }

    /// Closes every pooled connection. Any thread.
    public void close() {
        loops.forEach((loop, pools) -> loop.execute(pools::close));
    }

    private record Key(Cluster cluster, Host host, boolean http2, Priority priority, ConnectionOptions options) {}

    private final class OfLoop {
        private final EventLoop loop;
        private final Map<Key, HttpPool> pools = new HashMap<>();

        private OfLoop(EventLoop loop) {
            this.loop = loop;
        }

        private HttpPool pool(
                Cluster cluster, Host host, Protocol protocol, Priority priority, ConnectionOptions options) {
            var key = new Key(cluster, host, protocol == Protocol.HTTP_2, priority, options);
            HttpPool found = pools.get(key);
            if (found == null) {
                // There are as many clients as there may be: none of their pools outlives its connections.
                Consumer<HttpPool> onEmpty = options.source() == null ? pool -> {} : pool -> pools.remove(key, pool);
                found = new HttpPool(loop, connector, cluster, host, key.http2(), priority, options, onEmpty);
                pools.put(key, found);
            }
            return found;
        }

        private void sweep() {
            for (var entry : new ArrayList<>(pools.entrySet())) {
                if (!entry.getKey().host().live() || !entry.getKey().cluster().live()) {
                    pools.remove(entry.getKey());
                    entry.getValue().drain();
                }
            }
        }

        private void close() {
            new ArrayList<>(pools.values()).forEach(HttpPool::close);
            pools.clear();
        }
    }
}
