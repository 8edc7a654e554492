package dev.mesh.proxy.accesslog;

import dev.mesh.api.decide.HeaderMatch;
import dev.mesh.api.decide.HeaderValues;
import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.Matchers;
import dev.mesh.proxy.filter.AccessLogger;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.Fraction;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLog;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLogFilter;
import io.envoyproxy.envoy.config.accesslog.v3.ComparisonFilter;
import io.envoyproxy.envoy.config.accesslog.v3.GrpcStatusFilter;
import io.envoyproxy.envoy.config.accesslog.v3.ResponseFlagFilter;
import io.envoyproxy.envoy.config.accesslog.v3.RuntimeFilter;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongPredicate;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// Which requests are written down (`envoy.config.accesslog.v3.AccessLogFilter`). Runtime keys mean nothing:
/// there is no runtime layer, so the defaults beside them hold.
public final class AccessLogFilters {
    private AccessLogFilters() {}

    /// `logger`, for what passes the filter of `log` if it has one.
    ///
    /// @throws ConfigRejected with every reason why the filter cannot be used
    public static AccessLogger around(AccessLogger logger, AccessLog log) throws ConfigRejected {
        if (!log.hasFilter()) {
            return logger;
        }
        var reasons = new ArrayList<String>();
        Predicate<StreamInfo> passes = compile(log.getFilter(), "filter", reasons);
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        return stream -> {
            if (passes.test(stream)) {
                logger.log(stream);
            }
        };
    }

    private static Predicate<StreamInfo> compile(AccessLogFilter proto, String path, List<String> reasons) {
        return switch (proto.getFilterSpecifierCase()) {
            case STATUS_CODE_FILTER -> {
                LongPredicate compares =
                        comparison(proto.getStatusCodeFilter().getComparison(), path + ".status_code_filter", reasons);
                yield stream -> compares.test(stream.responseCode);
            }
            case DURATION_FILTER -> {
                LongPredicate compares =
                        comparison(proto.getDurationFilter().getComparison(), path + ".duration_filter", reasons);
                yield stream -> compares.test((stream.endNanos - stream.startNanos) / 1_000_000);
            }
            case NOT_HEALTH_CHECK_FILTER -> stream -> true; // no filter here answers health checks
            case RUNTIME_FILTER -> sampled(proto.getRuntimeFilter(), path + ".runtime_filter", reasons);
            case AND_FILTER -> {
                var all = all(proto.getAndFilter().getFiltersList(), path + ".and_filter", reasons);
                yield stream -> {
                    for (Predicate<StreamInfo> one : all) {
                        if (!one.test(stream)) {
                            return false;
                        }
                    }
                    return true;
                };
            }
            case OR_FILTER -> {
                var any = all(proto.getOrFilter().getFiltersList(), path + ".or_filter", reasons);
                yield stream -> {
                    for (Predicate<StreamInfo> one : any) {
                        if (one.test(stream)) {
                            return true;
                        }
                    }
                    return false;
                };
            }
            case HEADER_FILTER ->
                switch (Matchers.headers(
                        List.of(proto.getHeaderFilter().getHeader()), path + ".header_filter.header")) {
                    case Compiled.Ok<List<HeaderMatch>>(List<HeaderMatch> one) -> {
                        HeaderMatch match = one.getFirst();
                        yield stream -> match.matches(new Values(stream.request));
                    }
                    case Compiled.Rejected<List<HeaderMatch>>(List<String> why) -> {
                        reasons.addAll(why);
                        yield AccessLogFilters::never;
                    }
                };
            case RESPONSE_FLAG_FILTER -> flags(proto.getResponseFlagFilter(), path + ".response_flag_filter", reasons);
            case GRPC_STATUS_FILTER -> grpc(proto.getGrpcStatusFilter(), path + ".grpc_status_filter", reasons);
            case EXTENSION_FILTER -> {
                reasons.add(path + ".extension_filter: \""
                        + proto.getExtensionFilter().getTypedConfig().getTypeUrl() + "\" is not supported");
                yield AccessLogFilters::never;
            }
            case TRACEABLE_FILTER -> notSupported(path + ".traceable_filter", reasons);
            case METADATA_FILTER -> notSupported(path + ".metadata_filter", reasons);
            case LOG_TYPE_FILTER -> notSupported(path + ".log_type_filter", reasons);
            case FILTERSPECIFIER_NOT_SET -> {
                reasons.add(path + ": empty (expected: one kind of filter)");
                yield AccessLogFilters::never;
            }
        };
    }

    // Stands where a filter was refused, so that the others are still checked.
    private static boolean never(StreamInfo stream) {
        return false;
    }

    private static Predicate<StreamInfo> notSupported(String path, List<String> reasons) {
        reasons.add(path + ": not supported");
        return AccessLogFilters::never;
    }

    private static List<Predicate<StreamInfo>> all(List<AccessLogFilter> protos, String path, List<String> reasons) {
        if (protos.size() < 2) {
            reasons.add(path + ".filters: " + protos.size() + " (expected: at least 2)");
        }
        var all = new ArrayList<Predicate<StreamInfo>>();
        for (int i = 0; i < protos.size(); i++) {
            all.add(compile(protos.get(i), path + ".filters[" + i + "]", reasons));
        }
        return List.copyOf(all);
    }

    private static LongPredicate comparison(ComparisonFilter proto, String path, List<String> reasons) {
        long value = Integer.toUnsignedLong(proto.getValue().getDefaultValue());
        return switch (proto.getOp()) {
            case EQ -> actual -> actual == value;
            case GE -> actual -> actual >= value;
            case LE -> actual -> actual <= value;
            case UNRECOGNIZED -> {
                reasons.add(path + ".comparison.op: " + proto.getOpValue() + " (expected: EQ, GE or LE)");
                yield actual -> false;
            }
        };
    }

    // One request is sampled by all proxies that see it or by none: its id decides, where it has one.
    private static Predicate<StreamInfo> sampled(RuntimeFilter proto, String path, List<String> reasons) {
        Fraction share;
        try {
            share = Fraction.of(proto.getPercentSampled());
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> reasons.add(path + ".percent_sampled." + reason));
            return AccessLogFilters::never;
        }
        boolean independent = proto.getUseIndependentRandomness();
        return stream -> {
            RequestHead head = stream.request;
            long id = independent || head == null ? -1 : idOf(head.headers().joined("x-request-id"));
            return id < 0 ? share.hit(ThreadLocalRandom.current()) : id % share.denominator() < share.numerator();
        };
    }

    /// @return the first 32 bits of a UUID; -1 if it is none
    private static long idOf(@Nullable String requestId) {
        if (requestId == null || requestId.length() != 36) {
            return -1;
        }
        long id = 0;
        for (int i = 0; i < 8; i++) {
            int digit = Character.digit(requestId.charAt(i), 16);
            if (digit < 0) {
                return -1;
            }
            id = id << 4 | digit;
        }
        return id;
    }

    private static Predicate<StreamInfo> flags(ResponseFlagFilter proto, String path, List<String> reasons) {
        if (proto.getFlagsCount() == 0) {
            return stream -> stream.responseFlags != 0;
        }
        int bits = 0;
        for (int i = 0; i < proto.getFlagsCount(); i++) {
            String name = proto.getFlags(i);
            int bit = 0;
            for (ResponseFlag flag : ResponseFlag.values()) {
                if (flag.shortName().equals(name)) {
                    bit = flag.bit();
                }
            }
            if (bit == 0) {
                reasons.add(
                        path + ".flags[" + i + "]: \"" + name + "\" (expected: a response flag that is given here)");
            }
            bits |= bit;
        }
        int wanted = bits;
        return stream -> (stream.responseFlags & wanted) != 0;
    }

    private static Predicate<StreamInfo> grpc(GrpcStatusFilter proto, String path, List<String> reasons) {
        var numbers = new HashSet<Integer>();
        for (int i = 0; i < proto.getStatusesCount(); i++) {
            int number = proto.getStatusesValue(i);
            if (number < 0 || number > 16) {
                reasons.add(path + ".statuses[" + i + "]: " + number + " (expected: 0-16)");
            }
            numbers.add(number);
        }
        boolean exclude = proto.getExclude();
        return stream -> numbers.contains(grpcStatus(stream)) != exclude;
    }

    // What the upstream said, or else what its HTTP status means to gRPC.
    private static int grpcStatus(StreamInfo stream) {
        String text = stream.responseTrailers == null ? null : stream.responseTrailers.get("grpc-status");
        if (text == null && stream.response != null) {
            text = stream.response.headers().get("grpc-status");
        }
        if (text != null) {
            return text.matches("[0-9]{1,2}") ? Integer.parseInt(text) : 2;
        }
        return switch (stream.responseCode) {
            case 400 -> 13;
            case 401 -> 16;
            case 403 -> 7;
            case 404 -> 12;
            case 429, 502, 503, 504 -> 14;
            default -> 2;
        };
    }

    /// The headers of a request that may not have come to its head; with the pseudo headers.
    private record Values(@Nullable RequestHead head) implements HeaderValues {
        @Override
        public int headerCount(String name) {
            if (head == null) {
                return 0;
            }
            return special(head, name) == null ? head.headers().count(name) : 1;
        }

        @Override
        public String headerAt(String name, int index) {
            if (head == null) {
                throw new IndexOutOfBoundsException(name + "[" + index + "]");
            }
            String value = special(head, name);
            return value == null ? head.headers().get(name, index) : value;
        }

        private static @Nullable String special(RequestHead head, String name) {
            return switch (name) {
                case ":method" -> head.method();
                case ":path" -> head.path();
                case ":authority", "host" -> head.authority();
                case ":scheme" -> head.scheme();
                default -> null;
            };
        }
    }
}
