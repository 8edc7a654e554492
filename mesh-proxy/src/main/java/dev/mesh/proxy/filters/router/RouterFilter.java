package dev.mesh.proxy.filters.router;

import dev.mesh.api.decide.HeaderMutations;
import dev.mesh.api.decide.Rewrites;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.api.decide.RouteAction.ClusterSpecifier;
import dev.mesh.api.decide.RouteAction.HostRewrite;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.api.decide.WeightedPick;
import dev.mesh.proxy.cluster.CircuitBreaker;
import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.ClusterManager;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.cluster.LoadBalancerContext;
import dev.mesh.proxy.filter.HttpFilter;
import dev.mesh.proxy.filter.HttpFilterContext;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import dev.mesh.proxy.upstream.ConnectionOptions;
import dev.mesh.proxy.upstream.PoolFailure;
import dev.mesh.proxy.upstream.UpstreamPools;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Does what the route says: answers itself, or sends the request to a host of a cluster, with timeouts and
/// retries. Event loop only.
///
/// While a retry is possible the request's body is kept, up to the connection's buffer limit; a longer one
/// gives up the retry, not the request.
final class RouterFilter implements HttpFilter, LoadBalancerContext {
    /// What all streams of one filter share.
    record Shared(ClusterManager clusters, UpstreamPools pools, boolean suppressEnvoyHeaders) {}

    private final Shared shared;

    @SuppressWarnings("NullAway.Init") // set by the first event
    private HttpFilterContext context;

    @SuppressWarnings("NullAway.Init") // set before any upstream is asked
    private RequestHead head;

    private RouteAction.@Nullable Forward forward;
    private @Nullable Cluster cluster;
    private HeaderMutations clusterResponseHeaders = HeaderMutations.NONE;
    private @Nullable RetryState retries;
    private final ArrayDeque<ByteBuf> kept = new ArrayDeque<>(0);
    private @Nullable HeaderMap requestTrailers;
    private int keptBytes;
    private boolean requestEnded;
    private boolean responseStarted;
    private boolean over;
    private boolean paused;
    private @Nullable UpstreamAttempt attempt;
    private @Nullable ScheduledFuture<?> timeout;
    private @Nullable ScheduledFuture<?> backoff;
    private @Nullable CircuitBreaker retrying;
    private final List<Host> tried = new ArrayList<>(0);
    private int attempts;
    private boolean hasHash;
    private long hash;

    RouterFilter(Shared shared) {
        this.shared = shared;
    }

    @Override
    public Status onRequestHead(RequestHead request, boolean end, HttpFilterContext filterContext) {
        context = filterContext;
        head = request;
        requestEnded = end;
        StreamInfo info = context.stream();
        Route route = context.route();
        VirtualHost host = context.virtualHost();
        if (host != null
                && host.requireTls() != VirtualHost.RequireTls.NONE
                && !"https".equalsIgnoreCase(request.headers().get("x-forwarded-proto"))) {
            reply(
                    301,
                    "",
                    new HeaderMap().add("location", "https://" + request.authority() + request.path()),
                    null,
                    "direct_response");
            return Status.STOP;
        }
        if (route == null) {
            reply(404, "", new HeaderMap(), ResponseFlag.NO_ROUTE_FOUND, "route_not_found");
            return Status.STOP;
        }
        switch (route.action()) {
            case RouteAction.Redirect redirect ->
                reply(
                        redirect.status(),
                        "",
                        withMutations(
                                route,
                                redirect.status(),
                                new HeaderMap()
                                        .add("location", Rewrites.location(route, redirect, context.requestView()))),
                        null,
                        "direct_response");
            case RouteAction.DirectResponse(int status, String body) ->
                reply(status, body, withMutations(route, status, location(status)), null, "direct_response");
            case RouteAction.NonForwarding() ->
                reply(404, "", new HeaderMap(), ResponseFlag.NO_ROUTE_FOUND, "route_not_found");
            case RouteAction.Forward action -> forward(route, action, info);
        }
        return Status.STOP;
    }

    // As in Envoy, an answer that names a place names the request's own where it has no other.
    private HeaderMap location(int status) {
        var headers = new HeaderMap();
        if (status == 201 || (status >= 301 && status <= 308 && status != 304)) {
            var request = context.requestView();
            headers.add("location", request.scheme() + "://" + request.authority() + request.path());
        }
        return headers;
    }

    private HeaderMap withMutations(Route route, int status, HeaderMap headers) {
        context.stream().responseCode = status;
        Mutations.apply(route.responseHeaders(), headers, context.stream());
        return headers;
    }

    private void reply(int status, String body, HeaderMap headers, @Nullable ResponseFlag flag, String detail) {
        cancelTimers();
        releaseRetry();
        responseStarted = true;
        context.localReply(status, body, headers, flag, detail);
    }

    private void forward(Route route, RouteAction.Forward action, StreamInfo info) {
        forward = action;
        String upgrade = head.upgrade();
        if (!upgrade.isEmpty()) {
            Boolean byRoute = action.upgrades().get(upgrade);
            if (byRoute == null ? !context.upgradeAllowed(upgrade) : !byRoute) {
                reply(403, "", new HeaderMap(), null, "upgrade_failed");
                return;
            }
        }
        HeaderMutations clusterRequestHeaders = HeaderMutations.NONE;
        String hostRewrite = "";
        String name;
        switch (action.clusters()) {
            case ClusterSpecifier.Single(String single) -> name = single;
            case ClusterSpecifier.FromHeader(String header) -> {
                String value = context.requestView().header(header);
                name = value == null ? "" : value;
            }
            case ClusterSpecifier.Weighted weighted -> {
                var drawn = context.weightedCluster();
                var picked =
                        drawn != null ? drawn : WeightedPick.pick(weighted, context.requestView(), context.random());
                if (picked.cluster().isEmpty()) {
                    String value = context.requestView().header(picked.clusterHeader());
                    name = value == null ? "" : value;
                } else {
                    name = picked.cluster();
                }
                clusterRequestHeaders = picked.requestHeaders();
                clusterResponseHeaders = picked.responseHeaders();
                hostRewrite = picked.hostRewrite();
            }
        }
        info.upstreamCluster = name;
        Cluster found = shared.clusters().cluster(name);
        if (found == null) {
            reply(
                    action.clusterNotFoundStatus(),
                    "",
                    new HeaderMap(),
                    ResponseFlag.NO_CLUSTER_FOUND,
                    "cluster_not_found");
            return;
        }
        cluster = found;
        retries = RetryState.of(action.retry(), head);
        hashRequest(action);
        long timeoutMillis = Timeouts.overall(action, head);
        perTryMillis = Timeouts.perTry(action, head, timeoutMillis);
        rewrite(route, action, hostRewrite);
        Mutations.apply(clusterRequestHeaders, head, info);
        Mutations.apply(route.requestHeaders(), head, info);
        Timeouts.removeControlHeaders(head.headers());
        if (timeoutMillis > 0 && !shared.suppressEnvoyHeaders()) {
            head.headers()
                    .set(
                            "x-envoy-expected-rq-timeout-ms",
                            Long.toString(perTryMillis > 0 ? Math.min(perTryMillis, timeoutMillis) : timeoutMillis));
        }
        overallMillis = timeoutMillis;
        startAttempt();
        if (requestEnded) {
            startTimeout();
        }
        if (!over && !action.mirrors().isEmpty()) {
            mirror = Mirroring.start(shared, context, action, head, requestEnded);
        }
    }

    private long overallMillis;
    private long perTryMillis;
    private @Nullable Mirroring mirror;

    private void hashRequest(RouteAction.Forward action) {
        if (!action.hashPolicies().isEmpty()) {
            var result = dev.mesh.api.decide.RequestHash.of(action.hashPolicies(), context.requestView());
            hasHash = result.isPresent();
            hash = result.orElse(0);
        }
    }

    private void rewrite(Route route, RouteAction.Forward action, String literalHost) {
        var rewrite = action.rewrite();
        if (rewrite.path() != null) {
            // Said even where the rewrite leaves the path as it was, as in Envoy.
            context.stream().originalPath = head.path();
            if (!shared.suppressEnvoyHeaders()) {
                head.headers().set("x-envoy-original-path", head.path());
            }
            head.path(Rewrites.path(route, rewrite.path(), head.path()));
        }
        String host = literalHost;
        if (host.isEmpty() && rewrite.host() != null) {
            switch (rewrite.host()) {
                case HostRewrite.Literal(String literal) -> host = literal;
                case HostRewrite.FromHeader(String name) -> {
                    String value = head.headers().get(name);
                    host = value == null ? "" : value;
                }
                case HostRewrite.PathRegex(var pattern, String substitution) -> {
                    int query = head.path().indexOf('?');
                    String path = query < 0 ? head.path() : head.path().substring(0, query);
                    host = pattern.matcher(path).replaceAll(substitution.replace("\\", "$"));
                }
                case HostRewrite.Auto() -> autoHost = true;
            }
        }
        if (!host.isEmpty()) {
            if (rewrite.appendXForwardedHost()) {
                head.headers().add("x-forwarded-host", head.authority());
            }
            if (!shared.suppressEnvoyHeaders()) {
                head.headers().set("x-envoy-original-host", head.authority());
            }
            head.authority(host);
        }
    }

    private boolean autoHost;

    private void startAttempt() {
        Cluster target = cluster;
        RouteAction.Forward action = forward;
        if (target == null || action == null) {
            return;
        }
        if (attempts == 0 && target.drops(context.random())) {
            target.stats().rqDropOverload.inc();
            var headers = new HeaderMap();
            if (!shared.suppressEnvoyHeaders()) {
                headers.add("x-envoy-drop-overload", "true");
            }
            reply(503, "drop overload", headers, ResponseFlag.DROP_OVERLOAD, "drop_overload");
            return;
        }
        Host host = target.choose(this);
        if (host == null) {
            target.stats().cxNoneHealthy.inc();
            fail(503, "no healthy upstream", ResponseFlag.NO_HEALTHY_UPSTREAM, "no_healthy_upstream");
            return;
        }
        attempts++;
        context.stream().upstreamAttempts = attempts;
        if (action.includeAttemptCountInRequest()) {
            head.headers().set("x-envoy-attempt-count", Integer.toString(attempts));
        }
        if (retries != null) {
            tried.add(host);
        }
        if (autoHost && !host.hostname().isEmpty()) {
            head.authority(host.hostname());
        }
        Protocol protocol = switch (target.spec().http()) {
            case HTTP_1 -> Protocol.HTTP_1_1;
            case HTTP_2 -> Protocol.HTTP_2;
            case SAME_AS_DOWNSTREAM, AUTO -> head.protocol() == Protocol.HTTP_2 ? Protocol.HTTP_2 : Protocol.HTTP_1_1;
        };
        if (!target.circuitBreaker(action.priority()).tryRequest()) {
            target.stats().rqPendingOverflow.inc();
            overflow();
            return;
        }
        var pool = shared.pools()
                .pool(
                        context.eventLoop(),
                        target,
                        host,
                        protocol,
                        action.priority(),
                        ConnectionOptions.of(serverName(target, head.authority()), context.clientSource()));
        var started = new UpstreamAttempt(this, context, target, host, action.priority(), perTryMillis);
        attempt = started;
        started.start(pool);
    }

    /// The name to ask for by TLS because the request is for it; empty = what the cluster says.
    static String serverName(Cluster cluster, String authority) {
        if (cluster.spec().tls() == null || !cluster.spec().autoSni()) {
            return "";
        }
        int colon = authority.lastIndexOf(':');
        return colon > 0 && colon > authority.lastIndexOf(']') ? authority.substring(0, colon) : authority;
    }

    private void overflow() {
        reply(
                503,
                "upstream connect error or disconnect/reset before headers. reset reason: overflow",
                new HeaderMap().add("x-envoy-overloaded", "true"),
                ResponseFlag.UPSTREAM_OVERFLOW,
                "upstream_reset_before_response_started{overflow}");
    }

    private void fail(int status, String body, ResponseFlag flag, String detail) {
        if (!over && !responseStarted) {
            reply(status, body, new HeaderMap(), flag, detail);
        }
    }

    // ---- the request's body ----

    @Override
    public Status onRequestData(ByteBuf data, boolean end, HttpFilterContext unused) {
        requestEnded |= end;
        if (mirror != null) {
            mirror.data(data, end);
        }
        if (over || (forward == null) || responseDone) {
            data.release();
            return Status.CONTINUE;
        }
        boolean keep = mayRetry() || attempt == null || !attempt.ready();
        if (keep) {
            kept.add(data.retainedDuplicate());
            keptBytes += data.readableBytes();
            if (keptBytes > context.bufferLimit()) {
                if (attempt != null && attempt.ready()) {
                    dropKept();
                    retries = null;
                } else if (!paused) {
                    paused = true;
                    context.pauseRequest(true);
                }
            }
        }
        if (attempt != null && attempt.ready()) {
            attempt.data(data, end);
        } else {
            data.release();
        }
        if (requestEnded) {
            startTimeout();
        }
        return Status.CONTINUE;
    }

    @Override
    public Status onRequestTrailers(HeaderMap trailers, HttpFilterContext unused) {
        requestEnded = true;
        requestTrailers = trailers;
        if (attempt != null && attempt.ready()) {
            attempt.trailers(trailers);
        }
        if (mirror != null) {
            mirror.data(io.netty.buffer.Unpooled.EMPTY_BUFFER, true);
        }
        startTimeout();
        return Status.CONTINUE;
    }

    private boolean mayRetry() {
        return retries != null && !retries.exhausted() && !responseStarted;
    }

    private void dropKept() {
        ByteBuf data;
        while ((data = kept.poll()) != null) {
            data.release();
        }
        keptBytes = 0;
    }

    @Override
    public void onRequestReadComplete() {
        if (attempt != null) {
            attempt.flush();
        }
        if (mirror != null) {
            mirror.flush();
        }
    }

    @Override
    public void onResponseWritable(boolean writable) {
        if (attempt != null) {
            attempt.pauseResponse(!writable);
        }
    }

    /// The upstream stream is there: sends what has come of the request so far.
    void onReady(UpstreamAttempt ready) {
        boolean bodyKept = !kept.isEmpty();
        boolean end = requestEnded && requestTrailers == null && !bodyKept;
        ready.head(head, end);
        int left = kept.size();
        boolean keep = mayRetry();
        for (ByteBuf data : kept) {
            left--;
            ready.data(data.retainedDuplicate(), requestEnded && requestTrailers == null && left == 0);
        }
        if (requestTrailers != null) {
            ready.trailers(requestTrailers);
        }
        if (!keep || keptBytes > context.bufferLimit()) {
            dropKept();
            if (keep) {
                retries = null;
            }
        }
        if (paused) {
            paused = false;
            context.pauseRequest(false);
        }
        ready.flush();
    }

    // ---- timeouts ----

    private void startTimeout() {
        if (timeout == null && overallMillis > 0 && !over && !responseDone && forward != null && cluster != null) {
            timeout = context.eventLoop().schedule(this::onTimeout, overallMillis, TimeUnit.MILLISECONDS);
        }
    }

    private void onTimeout() {
        if (over || responseDone) {
            return;
        }
        Cluster target = cluster;
        if (target != null) {
            target.stats().rqTimeout.inc();
        }
        if (attempt != null) {
            attempt.timedOut();
        }
        context.stream().flag(ResponseFlag.UPSTREAM_REQUEST_TIMEOUT);
        if (responseStarted) {
            responseDone = true;
            context.resetResponse("response_timeout");
        } else {
            reply(504, "upstream request timeout", new HeaderMap(), null, "response_timeout");
        }
    }

    private void cancelTimers() {
        if (timeout != null) {
            timeout.cancel(false);
            timeout = null;
        }
        if (backoff != null) {
            backoff.cancel(false);
            backoff = null;
        }
    }

    // ---- what an attempt tells ----

    /// @return whether the attempt was given up and another one follows
    private boolean retry() {
        RetryState state = retries;
        Cluster target = cluster;
        RouteAction.Forward action = forward;
        if (state == null || target == null || action == null || responseStarted) {
            return false;
        }
        if (state.exhausted()) {
            target.stats().rqRetryLimitExceeded.inc();
            context.stream().flag(ResponseFlag.UPSTREAM_RETRY_LIMIT_EXCEEDED);
            return false;
        }
        // The try that failed may have been a retry itself; the next one takes its place.
        releaseRetry();
        var breaker = target.circuitBreaker(action.priority());
        if (!breaker.tryRetry()) {
            target.stats().rqRetryOverflow.inc();
            return false;
        }
        retrying = breaker;
        target.stats().rqRetry.inc();
        attempt = null;
        backoff = context.eventLoop()
                .schedule(
                        () -> {
                            backoff = null;
                            if (!over && !responseStarted) {
                                startAttempt();
                            }
                        },
                        state.next(context.random()).toMillis(),
                        TimeUnit.MILLISECONDS);
        return true;
    }

    // A retry counts against the circuit breaker from its announcement until something has become of it.
    private void releaseRetry() {
        if (retrying != null) {
            retrying.retryDone();
            retrying = null;
        }
    }

    void onPoolFailure(PoolFailure failure, String detail) {
        StreamInfo info = context.stream();
        info.upstreamTransportFailureReason = detail;
        Cluster target = cluster;
        if (target == null || over) {
            return;
        }
        if (failure == PoolFailure.OVERFLOW) {
            overflow();
            return;
        }
        if (retries != null && retries.wants(RetryState.Failure.CONNECT) && retry()) {
            return;
        }
        boolean timedOut = failure == PoolFailure.CONNECT_TIMEOUT;
        String reason = timedOut ? "connection timeout" : "remote connection failure";
        fail(
                503,
                "upstream connect error or disconnect/reset before headers. reset reason: " + reason,
                ResponseFlag.UPSTREAM_CONNECTION_FAILURE,
                "upstream_reset_before_response_started{" + reason.replace(' ', '_')
                        + (timedOut || detail.isEmpty() ? "" : "|" + detail) + "}");
    }

    void onInformational(ResponseHead response) {
        if (response.status() != 100) {
            context.informational(response);
        }
    }

    /// @return false if the response is dropped for a retry
    boolean onResponse(ResponseHead response, boolean end, long upstreamMillis) {
        if (over || responseStarted) {
            return false;
        }
        RetryState state = retries;
        if (state != null && state.wants(response) && retry()) {
            return false;
        }
        if (attempts > 1 && cluster != null && response.status() < 500) {
            cluster.stats().rqRetrySuccess.inc();
        }
        responseStarted = true;
        releaseRetry();
        dropKept();
        StreamInfo info = context.stream();
        info.responseCodeDetails = "via_upstream";
        info.responseCode = response.status();
        HeaderMap headers = response.headers();
        if (!shared.suppressEnvoyHeaders()) {
            headers.set("x-envoy-upstream-service-time", Long.toString(upstreamMillis));
        }
        RouteAction.Forward action = forward;
        if (action != null && action.includeAttemptCountInResponse()) {
            headers.set("x-envoy-attempt-count", Integer.toString(attempts));
        }
        info.response = response;
        Mutations.apply(clusterResponseHeaders, headers, info);
        Route route = info.route;
        if (route != null) {
            Mutations.apply(route.responseHeaders(), headers, info);
        }
        if (end) {
            responseDone = true;
            cancelTimers();
        }
        context.responseHead(response, end);
        if (!end && !context.responseWritable() && attempt != null) {
            attempt.pauseResponse(true);
        }
        return true;
    }

    private boolean responseDone;

    void onResponseData(ByteBuf data, boolean end) {
        if (end) {
            responseDone = true;
            cancelTimers();
        }
        context.responseData(data, end);
    }

    void onResponseTrailers(HeaderMap trailers) {
        responseDone = true;
        cancelTimers();
        context.responseTrailers(trailers);
    }

    void onResponseReadComplete() {
        if (!over) {
            context.flushResponse();
        }
    }

    /// The upstream takes more of the request, or no more for now.
    void onUpstreamWritable(boolean writable) {
        context.pauseRequest(!writable);
    }

    void onUpstreamReset(UpstreamAttempt.Failed failed) {
        if (over || responseDone) {
            return;
        }
        if (responseStarted) {
            responseDone = true;
            cancelTimers();
            context.stream().flag(failed.flag());
            context.resetResponse("upstream_reset_after_response_started{" + failed.reason() + "}");
            return;
        }
        if (retries != null && retries.wants(failed.kind()) && retry()) {
            return;
        }
        if (failed.kind() == RetryState.Failure.TIMEOUT) {
            fail(504, "upstream request timeout", failed.flag(), "upstream_per_try_timeout");
            return;
        }
        fail(
                failed.flag() == ResponseFlag.UPSTREAM_PROTOCOL_ERROR ? 502 : 503,
                "upstream connect error or disconnect/reset before headers. reset reason: "
                        + failed.reason().replace('_', ' '),
                failed.flag(),
                "upstream_reset_before_response_started{" + failed.reason() + "}");
    }

    @Override
    public void onDestroy() {
        if (over) {
            return;
        }
        over = true;
        releaseRetry();
        cancelTimers();
        dropKept();
        if (attempt != null) {
            attempt.abandon();
        }
        if (mirror != null) {
            mirror.requestGone(requestEnded);
        }
    }

    // ---- LoadBalancerContext ----

    @Override
    public RandomGenerator random() {
        return context.random();
    }

    @Override
    public boolean hasHash() {
        return hasHash;
    }

    @Override
    public long hash() {
        return hash;
    }

    @Override
    public int attempt() {
        return attempts;
    }

    @Override
    public boolean shouldReselect(Host host) {
        RouteAction.Forward action = forward;
        return action != null && action.retry() != null && action.retry().previousHosts() && tried.contains(host);
    }

    @Override
    public @Nullable InetSocketAddress originalDestination() {
        return originalDestination(context.stream());
    }

    static @Nullable InetSocketAddress originalDestination(StreamInfo stream) {
        var connection = stream.connection;
        return connection.destinationRestored()
                ? new InetSocketAddress(connection.destinationAddress(), connection.destinationPort())
                : null;
    }

    @Override
    public @Nullable String requestHeader(String name) {
        return head.headers().get(name);
    }

    @Override
    public int maxReselects() {
        RouteAction.Forward action = forward;
        return action == null || action.retry() == null ? 0 : action.retry().hostSelectionMaxAttempts();
    }
}
