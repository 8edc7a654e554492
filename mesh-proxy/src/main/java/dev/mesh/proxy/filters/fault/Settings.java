package dev.mesh.proxy.filters.fault;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import dev.mesh.api.decide.HeaderMatch;
import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.Matchers;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.Fraction;
import io.envoyproxy.envoy.extensions.filters.common.fault.v3.FaultDelay;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.FaultAbort;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.type.v3.FractionalPercent;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A checked `envoy.extensions.filters.http.fault.v3.HTTPFault`. The names of runtime keys in it mean nothing
/// here: there is no runtime layer that could override what stands beside them.
///
/// @param upstreamCluster only requests to it; empty = any
/// @param downstreamNodes only requests of these `x-envoy-downstream-service-node`; empty = any
/// @param headers only requests that match all
/// @param maxActive faults at one time; beyond it requests pass untouched
record Settings(
        @Nullable Delay delay,
        @Nullable Abort abort,
        String upstreamCluster,
        Set<String> downstreamNodes,
        List<HeaderMatch> headers,
        long maxActive) {

    /// @param fixedMillis 0 = as the request's `x-envoy-fault-delay-request` says
    record Delay(long fixedMillis, Fraction share) {}

    /// @param http status; 0 = not this kind
    /// @param grpc status; -1 = not this kind. Neither = as the request's headers say
    record Abort(int http, int grpc, Fraction share) {
        boolean byHeader() {
            return http == 0 && grpc < 0;
        }
    }

    static Settings read(Any config) throws ConfigRejected {
        HTTPFault proto;
        try {
            proto = Packed.unpack(config, HTTPFault.getDefaultInstance());
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not an HTTPFault: " + e.getMessage());
        }
        var reasons = new ArrayList<String>();
        if (proto.hasResponseRateLimit()) {
            reasons.add("response_rate_limit: not supported");
        }
        if (proto.hasFilterMetadata()) {
            reasons.add("filter_metadata: not supported");
        }
        List<HeaderMatch> headers = switch (Matchers.headers(proto.getHeadersList(), "headers")) {
            case Compiled.Ok<List<HeaderMatch>>(List<HeaderMatch> all) -> all;
            case Compiled.Rejected<List<HeaderMatch>>(List<String> why) -> {
                reasons.addAll(why);
                yield List.of();
            }
        };
        Delay delay = proto.hasDelay() ? delay(proto.getDelay(), reasons) : null;
        Abort abort = proto.hasAbort() ? abort(proto.getAbort(), reasons) : null;
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        return new Settings(
                delay,
                abort,
                proto.getUpstreamCluster(),
                Set.copyOf(new HashSet<>(proto.getDownstreamNodesList())),
                headers,
                proto.hasMaxActiveFaults()
                        ? Integer.toUnsignedLong(proto.getMaxActiveFaults().getValue())
                        : Long.MAX_VALUE);
    }

    private static Delay delay(FaultDelay proto, List<String> reasons) {
        long millis = 0;
        switch (proto.getFaultDelaySecifierCase()) {
            case FIXED_DELAY -> {
                if (Durations.toNanos(proto.getFixedDelay()) <= 0) {
                    reasons.add(
                            "delay.fixed_delay: " + Durations.toString(proto.getFixedDelay()) + " (expected: > 0s)");
                }
                millis = Math.max(1, Durations.toMillis(proto.getFixedDelay()));
            }
            case HEADER_DELAY -> {}
            case FAULTDELAYSECIFIER_NOT_SET -> reasons.add("delay: empty (expected: fixed_delay or header_delay)");
        }
        return new Delay(millis, share(proto.getPercentage(), "delay", reasons));
    }

    private static Abort abort(FaultAbort proto, List<String> reasons) {
        int http = 0;
        int grpc = -1;
        switch (proto.getErrorTypeCase()) {
            case HTTP_STATUS -> {
                http = proto.getHttpStatus();
                if (http < 200 || http >= 600) {
                    reasons.add("abort.http_status: " + Integer.toUnsignedLong(http) + " (expected: 200-599)");
                }
            }
            case GRPC_STATUS -> {
                grpc = proto.getGrpcStatus();
                if (grpc < 0) {
                    reasons.add("abort.grpc_status: " + Integer.toUnsignedLong(grpc) + " (expected: a gRPC status)");
                }
            }
            case HEADER_ABORT -> {}
            case ERRORTYPE_NOT_SET -> reasons.add("abort: empty (expected: http_status, grpc_status or header_abort)");
        }
        return new Abort(http, grpc, share(proto.getPercentage(), "abort", reasons));
    }

    private static Fraction share(FractionalPercent proto, String path, List<String> reasons) {
        try {
            return Fraction.of(proto);
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> reasons.add(path + ".percentage." + reason));
            return Fraction.ALL;
        }
    }
}
