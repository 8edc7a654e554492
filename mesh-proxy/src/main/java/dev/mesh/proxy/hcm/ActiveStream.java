package dev.mesh.proxy.hcm;

import com.google.protobuf.Any;
import dev.mesh.api.decide.ConnectionView;
import dev.mesh.api.decide.RequestView;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.api.decide.WeightedPick;
import dev.mesh.proxy.cluster.ClientSource;
import dev.mesh.proxy.filter.HttpFilter;
import dev.mesh.proxy.filter.HttpFilterContext;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.http.ServerStream;
import dev.mesh.proxy.http.StreamListener;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// One request on its way through the filters, and its response on the way back. Event loop only.
///
/// A filter that stops a direction keeps what comes after it in a queue here; meanwhile the side that sends is
/// paused, so the queue holds at most what was under way.
final class ActiveStream implements StreamListener, HttpFilterContext, RequestView {
    private final HttpConnection http;
    private final ServerStream downstream;
    private final RequestHead head;
    private final StreamInfo info;
    private final HttpFilter[] filters;
    private final Settings settings;
    private final @Nullable RouteTable table;

    private @Nullable Route route;
    private RouteAction.@Nullable Forward forward;
    private RouteAction.@Nullable WeightedCluster weighted;
    private @Nullable VirtualHost virtualHost;
    private boolean routed;

    private int requestStoppedAt = -1;
    private int responseStoppedAt = -1;
    private final ArrayDeque<Held> requestQueue = new ArrayDeque<>(0);
    private final ArrayDeque<Held> responseQueue = new ArrayDeque<>(0);
    private boolean requestEnded;
    private boolean responseStarted;
    private boolean responseEnded;
    private boolean over;
    private long lastActivity;

    /// Something that a filter has stopped, or that came behind it.
    ///
    /// @param item a head, data or trailers
    /// @param end whether it ends the message
    /// @param filter the first that has not seen it
    private record Held(Object item, boolean end, int filter) {}

    ActiveStream(HttpConnection http, ServerStream downstream, RequestHead head, long id) {
        this.http = http;
        this.downstream = downstream;
        this.head = head;
        this.settings = http.manager.settings;
        this.table = settings.routes().get();
        long now = System.nanoTime();
        lastActivity = now;
        info = new StreamInfo(http.connection.view(), System.currentTimeMillis(), now);
        info.protocol = head.protocol();
        info.request = head;
        info.listenerName = http.connection.listenerName();
        info.filterChainName = http.connection.filterChainName();
        info.connectionId = http.connection.id();
        info.streamId = id;
        filters = new HttpFilter[settings.filters().size()];
        for (int i = 0; i < filters.length; i++) {
            filters[i] = settings.filters().get(i).bound().newFilter();
        }
        http.manager.stats.rqTotal.inc();
        http.manager.stats.rqActive.inc();
        if (head.protocol() == Protocol.HTTP_2) {
            http.manager.stats.rqHttp2Total.inc();
        } else {
            http.manager.stats.rqHttp1Total.inc();
        }
    }

    void start(boolean end) {
        requestEnded = end;
        if (end) {
            info.requestEndNanos = info.startNanos;
        }
        var refusal = RequestRules.apply(settings, http.connection, head, info);
        if (refusal != null) {
            if (refusal.invalid() && !settings.survivesInvalid(head.protocol())) {
                downstream.drainConnection();
            }
            localReply(refusal.status(), refusal.body(), refusal.headers(), null, refusal.detail());
            return;
        }
        requestHead(0, end);
    }

    // ---- request direction ----

    private void requestHead(int from, boolean end) {
        for (int i = from; i < filters.length && !over; i++) {
            if (filters[i].onRequestHead(head, end, this) == HttpFilter.Status.STOP && i < filters.length - 1) {
                stopRequest(i, new Held(head, end, i + 1));
                return;
            }
            if (responseStarted && i < filters.length - 1) {
                return; // answered by this filter: nobody else needs to see the request
            }
        }
    }

    // What was stopped goes before everything that came behind it.
    private void stopRequest(int filter, Held held) {
        requestStoppedAt = filter;
        downstream.pauseReading(true);
        requestQueue.addFirst(held);
    }

    @Override
    public void onData(ByteBuf data, boolean end) {
        touch();
        if (over) {
            data.release();
            return;
        }
        info.bytesReceived += data.readableBytes();
        if (end) {
            requestEnded = true;
            info.requestEndNanos = lastActivity;
        }
        if (requestStoppedAt >= 0) {
            requestQueue.add(new Held(data, end, 0));
            return;
        }
        requestData(0, data, end);
    }

    private void requestData(int from, ByteBuf data, boolean end) {
        int last = filters.length - 1;
        for (int i = from; i < last; i++) {
            if (filters[i].onRequestData(data, end, this) == HttpFilter.Status.STOP) {
                stopRequest(i, new Held(data, end, i + 1));
                return;
            }
            if (over) {
                data.release();
                return;
            }
        }
        filters[last].onRequestData(data, end, this);
    }

    @Override
    public void onTrailers(HeaderMap trailers) {
        touch();
        if (over) {
            return;
        }
        requestEnded = true;
        info.requestEndNanos = lastActivity;
        if (requestStoppedAt >= 0) {
            requestQueue.add(new Held(trailers, true, 0));
            return;
        }
        requestTrailers(0, trailers);
    }

    private void requestTrailers(int from, HeaderMap trailers) {
        for (int i = from; i < filters.length && !over; i++) {
            if (filters[i].onRequestTrailers(trailers, this) == HttpFilter.Status.STOP && i < filters.length - 1) {
                stopRequest(i, new Held(trailers, true, i + 1));
                return;
            }
        }
    }

    @Override
    public void continueRequest() {
        if (requestStoppedAt < 0 || over) {
            return;
        }
        requestStoppedAt = -1;
        while (!requestQueue.isEmpty() && requestStoppedAt < 0 && !over) {
            Held held = requestQueue.remove();
            switch (held.item()) {
                case RequestHead _ -> requestHead(held.filter(), held.end());
                case ByteBuf data -> requestData(held.filter(), data, held.end());
                case HeaderMap trailers -> requestTrailers(held.filter(), trailers);
                default ->
                    throw new IllegalStateException("queued: " + held.item().getClass());
            }
        }
        downstream.pauseReading(false);
        onReadComplete();
    }

    @Override
    public void onReadComplete() {
        if (!over) {
            filters[filters.length - 1].onRequestReadComplete();
        }
    }

    // ---- response direction ----

    @Override
    public void informational(ResponseHead informational) {
        if (!over && !responseStarted) {
            downstream.informational(informational);
        }
    }

    @Override
    public void responseHead(ResponseHead response, boolean end) {
        touch();
        if (over || responseStarted) {
            return;
        }
        responseStarted = true;
        info.response = response;
        info.responseCode = response.status();
        responseHead(filters.length - 2, response, end);
    }

    private void responseHead(int from, ResponseHead response, boolean end) {
        for (int i = from; i >= 0; i--) {
            if (filters[i].onResponseHead(response, end, this) == HttpFilter.Status.STOP) {
                stopResponse(i, new Held(response, end, i - 1));
                return;
            }
        }
        ResponseRules.apply(settings, head, response);
        info.responseCode = response.status();
        if (end) {
            responseEnded = true;
        }
        downstream.response(response, end);
        if (end) {
            finish();
        }
    }

    @Override
    public void responseData(ByteBuf data, boolean end) {
        touch();
        if (over || responseEnded) {
            data.release();
            return;
        }
        if (responseStoppedAt >= 0) {
            responseQueue.add(new Held(data, end, filters.length - 2));
            return;
        }
        responseData(filters.length - 2, data, end);
    }

    private void responseData(int from, ByteBuf data, boolean end) {
        for (int i = from; i >= 0; i--) {
            if (filters[i].onResponseData(data, end, this) == HttpFilter.Status.STOP) {
                stopResponse(i, new Held(data, end, i - 1));
                return;
            }
        }
        info.bytesSent += data.readableBytes();
        if (end) {
            responseEnded = true;
        }
        downstream.data(data, end);
        if (end) {
            finish();
        }
    }

    @Override
    public void responseTrailers(HeaderMap trailers) {
        touch();
        if (over || responseEnded) {
            return;
        }
        if (responseStoppedAt >= 0) {
            responseQueue.add(new Held(trailers, true, filters.length - 2));
            return;
        }
        responseTrailers(filters.length - 2, trailers);
    }

    private void responseTrailers(int from, HeaderMap trailers) {
        for (int i = from; i >= 0; i--) {
            if (filters[i].onResponseTrailers(trailers, this) == HttpFilter.Status.STOP) {
                stopResponse(i, new Held(trailers, true, i - 1));
                return;
            }
        }
        info.responseTrailers = trailers;
        responseEnded = true;
        downstream.trailers(trailers);
        finish();
    }

    @Override
    public void continueResponse() {
        if (responseStoppedAt < 0 || over) {
            return;
        }
        responseStoppedAt = -1;
        while (!responseQueue.isEmpty() && responseStoppedAt < 0 && !over) {
            Held held = responseQueue.remove();
            switch (held.item()) {
                case ResponseHead response -> responseHead(held.filter(), response, held.end());
                case ByteBuf data -> responseData(held.filter(), data, held.end());
                case HeaderMap trailers -> responseTrailers(held.filter(), trailers);
                default ->
                    throw new IllegalStateException("queued: " + held.item().getClass());
            }
        }
        if (!over) {
            downstream.flush();
            if (responseWritable()) {
                filters[filters.length - 1].onResponseWritable(true);
            }
        }
    }

    // Meanwhile the upstream is held back, as if the client took nothing.
    private void stopResponse(int filter, Held held) {
        responseStoppedAt = filter;
        responseQueue.addFirst(held);
        filters[filters.length - 1].onResponseWritable(false);
    }

    @Override
    public void localReply(int status, String body, HeaderMap headers, @Nullable ResponseFlag flag, String detail) {
        if (over) {
            return;
        }
        if (flag != null) {
            info.flag(flag);
        }
        info.responseCodeDetails = detail;
        if (responseStarted) {
            resetResponse(detail);
            return;
        }
        info.localReplyBody = body;
        boolean grpc = LocalReplies.isGrpc(head);
        var response = LocalReplies.head(grpc, status, body, headers);
        boolean end = grpc || body.isEmpty() || head.method().equals("HEAD");
        responseHead(response, end);
        if (!end && !over) {
            ByteBuf bytes = http.channel.alloc().buffer(body.length());
            bytes.writeCharSequence(body, StandardCharsets.UTF_8);
            responseData(bytes, true);
        }
        downstream.flush();
    }

    @Override
    public void resetResponse(String detail) {
        if (over) {
            return;
        }
        if (info.responseCodeDetails.isEmpty() || info.responseCodeDetails.equals("via_upstream")) {
            info.responseCodeDetails = detail;
        }
        http.manager.stats.rqTxReset.inc();
        downstream.reset(ResetReason.LOCAL_RESET);
        finish();
    }

    // ---- end ----

    @Override
    public void onReset(ResetReason reason, String detail) {
        if (over) {
            return;
        }
        if (reason == ResetReason.PROTOCOL_ERROR) {
            info.flag(ResponseFlag.DOWNSTREAM_PROTOCOL_ERROR);
        } else {
            info.flag(
                    reason == ResetReason.REMOTE_RESET || reason == ResetReason.REMOTE_REFUSED
                            ? ResponseFlag.DOWNSTREAM_REMOTE_RESET
                            : ResponseFlag.DOWNSTREAM_CONNECTION_TERMINATION);
        }
        info.responseCodeDetails = detail;
        http.manager.stats.rqRxReset.inc();
        if (!responseStarted) {
            info.responseCode = 0;
        }
        finish();
    }

    private void finish() {
        if (over) {
            return;
        }
        over = true;
        // The end may come outside of a read of this connection: nobody else would flush it.
        downstream.flush();
        info.endNanos = System.nanoTime();
        for (HttpFilter filter : filters) {
            filter.onDestroy();
        }
        release(requestQueue);
        release(responseQueue);
        http.manager.stats.rqActive.dec();
        http.manager.stats.response(info.responseCode);
        http.manager.stats.rqTime.record((info.endNanos - info.startNanos) / 1_000_000);
        var logs = settings.accessLogs();
        for (int i = 0; i < logs.size(); i++) {
            logs.get(i).log(info);
        }
        http.ended(this);
    }

    private static void release(ArrayDeque<Held> queue) {
        for (Held held : queue) {
            if (held.item() instanceof ByteBuf data) {
                data.release();
            }
        }
        queue.clear();
    }

    /// Ends the stream if one of its times is up.
    ///
    /// @return nanoseconds until it must be looked at again, `Long.MAX_VALUE` = never
    long checkTimeouts(long now) {
        if (over) {
            return Long.MAX_VALUE;
        }
        // What has not been sent in full by then is late, not early: a body that is still coming is a 408.
        int status = requestEnded ? 504 : 408;
        if (left(idleNanos(), lastActivity, now) <= 0) {
            http.manager.stats.rqIdleTimeout.inc();
            localReply(
                    status, "stream timeout", new HeaderMap(), ResponseFlag.STREAM_IDLE_TIMEOUT, "stream_idle_timeout");
            return Long.MAX_VALUE;
        }
        if (left(requestNanos(), info.startNanos, now) <= 0) {
            http.manager.stats.rqTimeout.inc();
            localReply(408, "request timeout", new HeaderMap(), null, "request_overall_timeout");
            return Long.MAX_VALUE;
        }
        if (left(durationNanos(), info.startNanos, now) <= 0) {
            http.manager.stats.rqMaxDuration.inc();
            var deadline = new HeaderMap();
            if (LocalReplies.isGrpc(head)) {
                deadline.add("grpc-status", LocalReplies.GRPC_DEADLINE_EXCEEDED);
            }
            localReply(status, "downstream duration timeout", deadline, null, "max_duration_timeout");
            return Long.MAX_VALUE;
        }
        return timeLeft(now);
    }

    /// @return nanoseconds until one of the stream's times is up, `Long.MAX_VALUE` = never
    long timeLeft(long now) {
        return over
                ? Long.MAX_VALUE
                : Math.min(
                        left(idleNanos(), lastActivity, now),
                        Math.min(
                                left(requestNanos(), info.startNanos, now),
                                left(durationNanos(), info.startNanos, now)));
    }

    private static long left(long limit, long since, long now) {
        return limit > 0 ? limit - (now - since) : Long.MAX_VALUE;
    }

    private long idleNanos() {
        var own = forward == null ? null : forward.idleTimeout();
        return (own == null ? settings.timeouts().streamIdle() : own).toNanos();
    }

    private long requestNanos() {
        return requestEnded ? 0 : settings.timeouts().request().toNanos();
    }

    private long durationNanos() {
        return StreamDuration.nanos(forward, head, settings.timeouts().maxStream());
    }

    private void touch() {
        lastActivity = System.nanoTime();
    }

    // ---- what filters ask ----

    @Override
    public EventLoop eventLoop() {
        return http.channel.eventLoop();
    }

    @Override
    public StreamInfo stream() {
        return info;
    }

    @Override
    public RequestView requestView() {
        return this;
    }

    @Override
    public RandomGenerator random() {
        return ThreadLocalRandom.current();
    }

    @Override
    public int bufferLimit() {
        return http.connection.bufferLimit();
    }

    @Override
    public @Nullable ClientSource clientSource() {
        return http.connection.clientSource();
    }

    @Override
    public @Nullable RouteTable routeTable() {
        return table;
    }

    @Override
    public @Nullable VirtualHost virtualHost() {
        route();
        return virtualHost;
    }

    @Override
    public @Nullable Route route() {
        if (!routed) {
            routed = true;
            if (table != null) {
                virtualHost = table.virtualHost(head.authority(), null);
                info.virtualHost = virtualHost;
                if (virtualHost != null) {
                    route = table.route(virtualHost, this, random(), null);
                    info.route = route;
                    forward = route != null && route.action() instanceof RouteAction.Forward action ? action : null;
                    if (forward != null && (forward.idleTimeout() != null || forward.maxStreamDuration() != null)) {
                        http.checkWithin(timeLeft(System.nanoTime()));
                    }
                }
            }
            if (route == null) {
                http.manager.stats.noRoute.inc();
            }
        }
        return route;
    }

    @Override
    public void clearRoute() {
        routed = false;
        route = null;
        weighted = null;
        forward = null;
        virtualHost = null;
    }

    @Override
    public RouteAction.@Nullable WeightedCluster weightedCluster() {
        if (route() == null || forward == null) {
            return null;
        }
        if (weighted == null && forward.clusters() instanceof RouteAction.ClusterSpecifier.Weighted all) {
            weighted = WeightedPick.pick(all, requestView(), random());
        }
        return weighted;
    }

    @Override
    public @Nullable Object perRouteConfig(HttpFilter self) {
        Route taken = route();
        if (taken == null) {
            return null;
        }
        RouteAction.WeightedCluster share = weightedCluster();
        var ofShare = share == null ? Map.<String, Any>of() : share.perFilterConfig();
        if (ofShare.isEmpty() && taken.perFilterConfig().isEmpty()) {
            return null;
        }
        for (int i = 0; i < filters.length; i++) {
            if (filters[i] == self) {
                var filter = settings.filters().get(i);
                // The most specific counts.
                Any config = ofShare.getOrDefault(
                        filter.name(), taken.perFilterConfig().get(filter.name()));
                return config == null ? null : http.manager.perRoute(filter.factory(), config);
            }
        }
        return null;
    }

    @Override
    public void pauseRequest(boolean pause) {
        if (!over) {
            downstream.pauseReading(pause);
        }
    }

    @Override
    public boolean responseWritable() {
        return responseStoppedAt < 0 && downstream.isWritable();
    }

    @Override
    public void flushResponse() {
        downstream.flush();
    }

    @Override
    public void onWritable(boolean writable) {
        if (!over && responseStoppedAt < 0) {
            filters[filters.length - 1].onResponseWritable(writable);
        }
    }

    @Override
    public boolean upgradeAllowed(String upgrade) {
        return settings.upgrades().contains(upgrade);
    }

    // ---- RequestView ----

    @Override
    public String method() {
        return head.method();
    }

    @Override
    public String scheme() {
        return head.scheme();
    }

    @Override
    public String authority() {
        return head.authority();
    }

    @Override
    public String path() {
        return head.path();
    }

    @Override
    public @Nullable String header(String name) {
        if (!name.isEmpty() && name.charAt(0) == ':') {
            return switch (name) {
                case ":method" -> head.method();
                case ":authority" -> head.authority();
                case ":path" -> head.path();
                case ":scheme" -> head.scheme();
                default -> null;
            };
        }
        return name.equals("host") ? head.authority() : head.headers().joined(name);
    }

    @Override
    public int headerCount(String name) {
        if (isSpecial(name)) {
            return header(name) == null ? 0 : 1;
        }
        return head.headers().count(name);
    }

    @Override
    public String headerAt(String name, int index) {
        if (isSpecial(name)) {
            String value = header(name);
            if (value != null && index == 0) {
                return value;
            }
            throw new IndexOutOfBoundsException(name + "[" + index + "]");
        }
        return head.headers().get(name, index);
    }

    // Not among the headers: pseudo headers, and Host, which is the authority.
    private static boolean isSpecial(String name) {
        return name.equals("host") || (!name.isEmpty() && name.charAt(0) == ':');
    }

    @Override
    public ConnectionView connection() {
        return info.connection;
    }
}
