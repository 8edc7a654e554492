package dev.mesh.proxy.filter;

import dev.mesh.api.decide.RequestView;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import io.netty.channel.EventLoop;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// What a filter may ask and do, for one stream. On the stream's event loop.
public interface HttpFilterContext {
    EventLoop eventLoop();

    StreamInfo stream();

    RequestView requestView();

    RandomGenerator random();

    /// The table that this stream pinned when it began; null if there is none.
    @Nullable
    RouteTable routeTable();

    @Nullable
    VirtualHost virtualHost();

    /// Decided once and kept, until [#clearRoute].
    @Nullable
    Route route();

    void clearRoute();

    /// What `bindPerRoute` made of this filter's configuration on the route, or null.
    @Nullable
    Object perRouteConfig();

    /// Answers in the upstream's place; the filters of the response direction still see it.
    ///
    /// @param headers added to the response
    /// @param detail Envoy's response code detail
    void localReply(int status, String body, HeaderMap headers, @Nullable ResponseFlag flag, String detail);

    void continueRequest();

    void continueResponse();
}
