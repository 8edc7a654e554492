package dev.mesh.proxy.filters.fault;

import dev.mesh.api.decide.HeaderMatch;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteAction.ClusterSpecifier;
import dev.mesh.api.decide.RouteAction.Forward;
import dev.mesh.proxy.filter.Fraction;
import dev.mesh.proxy.filter.HttpFilter;
import dev.mesh.proxy.filter.HttpFilterContext;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stream.ResponseFlag;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Delays a request, or answers it with an error, or first the one and then the other. Event loop only.
final class FaultFilter implements HttpFilter {
    /// What all streams of one filter count on; `active` bounds them too.
    record Stats(Counter delays, Counter aborts, Counter overflow, Gauge active) {}

    private final Settings usual;
    private final Stats stats;

    @SuppressWarnings("NullAway.Init") // set by the first event
    private RequestHead head;

    private @Nullable ScheduledFuture<?> timer;
    private boolean waited;
    private boolean active;

    FaultFilter(Settings usual, Stats stats) {
        this.usual = usual;
        this.stats = stats;
    }

    @Override
    public Status onRequestHead(RequestHead request, boolean end, HttpFilterContext context) {
        head = request;
        Settings settings = context.perRouteConfig(this) instanceof Settings ofRoute ? ofRoute : usual;
        if ((settings.delay() == null && settings.abort() == null) || !concerns(settings, context)) {
            return Status.CONTINUE;
        }
        long millis = delayMillis(settings, context);
        if (millis > 0 && begin(settings)) {
            stats.delays.inc();
            context.stream().flag(ResponseFlag.DELAY_INJECTED);
            timer = context.eventLoop().schedule(() -> afterDelay(settings, context), millis, TimeUnit.MILLISECONDS);
            return Status.STOP;
        }
        abort(settings, context);
        return Status.CONTINUE; // answered or not, there is nothing to wait for
    }

    private boolean concerns(Settings settings, HttpFilterContext context) {
        if (!settings.upstreamCluster().isEmpty() && !settings.upstreamCluster().equals(cluster(context))) {
            return false;
        }
        if (!settings.downstreamNodes().isEmpty()) {
            String node = head.headers().get("x-envoy-downstream-service-node");
            if (node == null || !settings.downstreamNodes().contains(node)) {
                return false;
            }
        }
        for (HeaderMatch match : settings.headers()) {
            if (!match.matches(context.requestView())) {
                return false;
            }
        }
        return true;
    }

    // A route of weighted clusters has none before the router draws one.
    private static String cluster(HttpFilterContext context) {
        Route route = context.route();
        if (route != null && route.action() instanceof Forward forward) {
            return switch (forward.clusters()) {
                case ClusterSpecifier.Single(String name) -> name;
                case ClusterSpecifier.FromHeader(String header) -> {
                    String name = context.requestView().header(header);
                    yield name == null ? "" : name;
                }
                case ClusterSpecifier.Weighted _ -> "";
            };
        }
        return "";
    }

    /// @return 0 = none
    private long delayMillis(Settings settings, HttpFilterContext context) {
        Settings.Delay delay = settings.delay();
        if (delay == null) {
            return 0;
        }
        long millis = delay.fixedMillis();
        Fraction share = delay.share();
        if (millis == 0) {
            millis = number("x-envoy-fault-delay-request");
            share = share("x-envoy-fault-delay-request-percentage", share);
        }
        return millis > 0 && share.hit(context.random()) ? millis : 0;
    }

    private void afterDelay(Settings settings, HttpFilterContext context) {
        timer = null;
        waited = true;
        if (!abort(settings, context)) {
            context.continueRequest();
        }
    }

    private boolean abort(Settings settings, HttpFilterContext context) {
        Settings.Abort abort = settings.abort();
        if (abort == null) {
            return false;
        }
        long http = abort.http();
        long grpc = abort.grpc();
        Fraction share = abort.share();
        if (abort.byHeader()) {
            http = number("x-envoy-fault-abort-request");
            http = http >= 200 && http < 600 ? http : 0;
            grpc = http == 0 ? number("x-envoy-fault-abort-grpc-request") : -1;
            share = share("x-envoy-fault-abort-request-percentage", share);
            if (http == 0 && grpc < 0) {
                return false;
            }
        }
        if (!share.hit(context.random()) || !begin(settings)) {
            return false;
        }
        stats.aborts.inc();
        if (waited) {
            context.pauseRequest(false); // what is still to come of the request is read, and dropped
        }
        var headers = new HeaderMap();
        if (http == 0) {
            http = 200;
            if (isGrpc()) {
                headers.add("grpc-status", Long.toString(grpc));
            }
        }
        context.localReply(
                (int) http, "fault filter abort", headers, ResponseFlag.FAULT_INJECTED, "fault_filter_abort");
        return true;
    }

    private boolean isGrpc() {
        String type = head.headers().get("content-type");
        return type != null && type.startsWith("application/grpc");
    }

    // A request counts once, however many faults it gets.
    private boolean begin(Settings settings) {
        if (active) {
            return true;
        }
        if (stats.active.value() >= settings.maxActive()) {
            stats.overflow.inc();
            return false;
        }
        stats.active.inc();
        active = true;
        return true;
    }

    /// @return -1 if the header is absent or no number
    private long number(String header) {
        String value = head.headers().get(header);
        if (value == null || value.isEmpty() || value.length() > 9) {
            return -1;
        }
        for (int i = 0; i < value.length(); i++) {
            if (value.charAt(i) < '0' || value.charAt(i) > '9') {
                return -1;
            }
        }
        return Long.parseLong(value);
    }

    // The client may ask for less than is configured, never for more.
    private Fraction share(String header, Fraction configured) {
        long asked = number(header);
        return asked < 0 ? configured : configured.atMost(asked);
    }

    @Override
    public void onDestroy() {
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
        if (active) {
            active = false;
            stats.active.dec();
        }
    }
}
