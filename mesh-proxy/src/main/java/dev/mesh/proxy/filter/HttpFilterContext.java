package dev.mesh.proxy.filter;

import dev.mesh.api.decide.RequestView;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.proxy.cluster.ClientSource;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// What a filter may ask and do, for one stream. On the stream's event loop.
public interface HttpFilterContext {
    EventLoop eventLoop();

    StreamInfo stream();

    RequestView requestView();

    RandomGenerator random();

    /// Where the request is to come from for its upstream; null = from the proxy.
    @Nullable
    ClientSource clientSource();

    /// Bytes that may be kept for this stream before its peer is paused.
    int bufferLimit();

    /// The table that this stream pinned when it began; null if there is none.
    @Nullable
    RouteTable routeTable();

    @Nullable
    VirtualHost virtualHost();

    /// Decided once and kept, until [#clearRoute].
    @Nullable
    Route route();

    void clearRoute();

    /// The cluster that was drawn among the weighted ones of the route, the same for the whole request; null if the
    /// route has none.
    RouteAction.@Nullable WeightedCluster weightedCluster();

    /// What `bindPerRoute` made of this filter's configuration on the weighted cluster, else on the route, or null.
    @Nullable
    Object perRouteConfig(HttpFilter self);

    /// Answers in the upstream's place; the filters of the response direction still see it. If a response
    /// has begun, the stream is reset instead.
    ///
    /// @param headers added to the response
    /// @param detail Envoy's response code detail
    void localReply(int status, String body, HeaderMap headers, @Nullable ResponseFlag flag, String detail);

    void continueRequest();

    void continueResponse();

    /// The response, from the terminal filter; it goes through the other filters in reverse order.
    void responseHead(ResponseHead head, boolean end);

    /// A 1xx; passes no filter.
    void informational(ResponseHead head);

    /// Takes over `data`.
    void responseData(ByteBuf data, boolean end);

    void responseTrailers(HeaderMap trailers);

    /// The response cannot be finished: the downstream stream is reset.
    void resetResponse(String detail);

    /// Counted: stops or resumes what comes from downstream.
    void pauseRequest(boolean pause);

    /// Whether downstream takes more.
    boolean responseWritable();

    void flushResponse();

    /// Whether the client may upgrade to this by what the connection manager says.
    boolean upgradeAllowed(String upgrade);
}
