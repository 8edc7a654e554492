package dev.mesh.pilot.generate;

import com.google.protobuf.Any;
import com.google.protobuf.BoolValue;
import dev.mesh.api.networking.Percent;
import dev.mesh.api.networking.VirtualService;
import io.envoyproxy.envoy.config.core.v3.RuntimeFractionalPercent;
import io.envoyproxy.envoy.extensions.filters.common.fault.v3.FaultDelay;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.CorsPolicy;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.FaultAbort;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.envoyproxy.envoy.type.v3.FractionalPercent;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// HTTP filters and what a route says to them. Static and pure.
final class FilterProtos {
    static final String FAULT = "envoy.filters.http.fault";
    static final String CORS = "envoy.filters.http.cors";

    private FilterProtos() {}

    /// The filters of every connection manager, in order.
    static List<HttpFilter> chain() {
        return List.of(
                filter(CORS, Resource.pack(Cors.getDefaultInstance())),
                filter(FAULT, Resource.pack(HTTPFault.getDefaultInstance())),
                router());
    }

    static HttpFilter router() {
        return filter("envoy.filters.http.router", Resource.pack(Router.getDefaultInstance()));
    }

    static HttpFilter filter(String name, Any config) {
        return HttpFilter.newBuilder().setName(name).setTypedConfig(config).build();
    }

    /// Empty if the rule asks for nothing that can be done.
    static Optional<Any> fault(VirtualService.HttpFault from) {
        var fault = HTTPFault.newBuilder();
        boolean any = false;
        if (from.delay() != null
                && from.delay().time() instanceof VirtualService.DelayTime.Fixed(java.time.Duration fixed)) {
            double percent = from.delay().percentage() == null && from.delay().percent() > 0
                    ? from.delay().percent()
                    : percentOf(from.delay().percentage());
            fault.setDelay(FaultDelay.newBuilder()
                    .setFixedDelay(ClusterProtos.duration(fixed))
                    .setPercentage(percent(percent)));
            any = true;
        }
        if (from.abort() != null && from.abort().with() != null) {
            var abort = FaultAbort.newBuilder()
                    .setPercentage(percent(percentOf(from.abort().percentage())));
            switch (from.abort().with()) {
                case VirtualService.AbortWith.HttpStatus(int status) -> {
                    fault.setAbort(abort.setHttpStatus(status));
                    any = true;
                }
                case VirtualService.AbortWith.GrpcStatus(String name) -> {
                    fault.setAbort(abort.setGrpcStatus(grpcStatus(name)));
                    any = true;
                }
                case VirtualService.AbortWith.Http2Error ignored -> {}
            }
        }
        return any ? Optional.of(Resource.pack(fault.build())) : Optional.empty();
    }

    /// Every request is answered with this status.
    static Any abort(int status) {
        return Resource.pack(HTTPFault.newBuilder()
                .setAbort(FaultAbort.newBuilder().setHttpStatus(status).setPercentage(percent(100)))
                .build());
    }

    private static double percentOf(@Nullable Percent percent) {
        return percent == null ? 100 : percent.value();
    }

    private static int grpcStatus(String name) {
        try {
            return com.google.rpc.Code.valueOf(name).getNumber();
        } catch (IllegalArgumentException e) {
            return com.google.rpc.Code.UNKNOWN_VALUE; // refused when the object was read
        }
    }

    /// Fractions of a percent are kept to four digits.
    static FractionalPercent percent(double percent) {
        return FractionalPercent.newBuilder()
                .setNumerator((int) Math.round(percent * 10_000))
                .setDenominator(FractionalPercent.DenominatorType.MILLION)
                .build();
    }

    static Any cors(VirtualService.CorsPolicy from) {
        var cors = CorsPolicy.newBuilder()
                .setAllowMethods(String.join(",", from.allowMethods()))
                .setAllowHeaders(String.join(",", from.allowHeaders()))
                .setExposeHeaders(String.join(",", from.exposeHeaders()))
                .setFilterEnabled(RuntimeFractionalPercent.newBuilder()
                        .setDefaultValue(FractionalPercent.newBuilder()
                                .setNumerator(100)
                                .setDenominator(FractionalPercent.DenominatorType.HUNDRED)));
        from.allowOrigins().forEach(origin -> cors.addAllowOriginStringMatch(RouteProtos.text(origin)));
        from.allowOrigin()
                .forEach(origin -> cors.addAllowOriginStringMatch(
                        StringMatcher.newBuilder().setExact(origin)));
        if (from.maxAge() != null) {
            cors.setMaxAge(Long.toString(from.maxAge().toSeconds()));
        }
        if (from.allowCredentials() != null) {
            cors.setAllowCredentials(BoolValue.of(from.allowCredentials()));
        }
        // Unset means FORWARD, as in Istio.
        cors.setForwardNotMatchingPreflights(
                BoolValue.of(from.unmatchedPreflights() != VirtualService.UnmatchedPreflights.IGNORE));
        return Resource.pack(cors.build());
    }
}
