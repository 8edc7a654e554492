package dev.mesh.api.decide.compile;

import com.google.re2j.Pattern;
import dev.mesh.api.decide.HeaderMatch;
import dev.mesh.api.decide.RequestView;
import dev.mesh.api.decide.RouteMatch;
import io.envoyproxy.envoy.config.core.v3.RuntimeFractionalPercent;
import io.envoyproxy.envoy.type.v3.FractionalPercent;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// A compiled `envoy.config.route.v3.RouteMatch`.
///
/// @param parameters in the order of the configuration
/// @param fractionNumerator of `fractionDenominator` requests match; negative = all
record CompiledMatch(
        PathMatch path,
        HeaderMatch[] headers,
        QueryMatch[] parameters,
        boolean grpc,
        @Nullable TlsMatch tls,
        long fractionNumerator,
        long fractionDenominator)
        implements RouteMatch {

    /// How the path is matched.
    sealed interface PathMatch {
        boolean matches(RequestView request);

        int rewritten(String path);

        String describe();
    }

    record PrefixPath(String prefix, boolean caseSensitive) implements PathMatch {
        @Override
        public boolean matches(RequestView request) {
            String path = request.path();
            return path.regionMatches(!caseSensitive, 0, prefix, 0, prefix.length()) && !isConnect(request);
        }

        @Override
        public int rewritten(String path) {
            return prefix.length();
        }

        @Override
        public String describe() {
            return "path prefix " + prefix;
        }
    }

    record ExactPath(String exact, boolean caseSensitive) implements PathMatch {
        @Override
        public boolean matches(RequestView request) {
            String path = request.path();
            int length = pathLength(path);
            return length == exact.length() && path.regionMatches(!caseSensitive, 0, exact, 0, length);
        }

        @Override
        public int rewritten(String path) {
            return exact.length();
        }

        @Override
        public String describe() {
            return "path " + exact;
        }
    }

    record SegmentsPath(String prefix, boolean caseSensitive) implements PathMatch {
        @Override
        public boolean matches(RequestView request) {
            String path = request.path();
            int length = pathLength(path);
            return length >= prefix.length()
                    && path.regionMatches(!caseSensitive, 0, prefix, 0, prefix.length())
                    && (length == prefix.length() || path.charAt(prefix.length()) == '/');
        }

        @Override
        public int rewritten(String path) {
            return prefix.length();
        }

        @Override
        public String describe() {
            return "path segments " + prefix;
        }
    }

    record RegexPath(Pattern pattern) implements PathMatch {
        @Override
        public boolean matches(RequestView request) {
            String path = request.path();
            int length = pathLength(path);
            return !isConnect(request)
                    && pattern.matcher(length == path.length() ? path : path.substring(0, length))
                            .matches();
        }

        @Override
        public int rewritten(String path) {
            return path.length();
        }

        @Override
        public String describe() {
            return "path regex " + pattern;
        }
    }

    record Connect() implements PathMatch {
        @Override
        public boolean matches(RequestView request) {
            return isConnect(request);
        }

        @Override
        public int rewritten(String path) {
            return path.length();
        }

        @Override
        public String describe() {
            return "CONNECT";
        }
    }

    /// @param match null = the parameter is there
    record QueryMatch(String name, @Nullable StringMatch match, boolean wantPresent) {
        boolean matches(String path) {
            String value = Query.value(path, name);
            if (match == null) {
                return (value != null) == wantPresent;
            }
            return value != null && match.matches(value);
        }

        String describe() {
            return "query " + name + " " + (match == null ? (wantPresent ? "present" : "absent") : match.describe());
        }
    }

    /// @param presented null = does not matter
    record TlsMatch(@Nullable Boolean presented, @Nullable Boolean validated) {
        boolean matches(RequestView request) {
            boolean has = request.connection().peerPrincipal() != null;
            return (presented == null || presented == has) && (validated == null || validated == has);
        }
    }

    @Override
    public boolean matches(RequestView request, RandomGenerator random) {
        if (!path.matches(request)) {
            return false;
        }
        for (HeaderMatch header : headers) {
            if (!header.matches(request)) {
                return false;
            }
        }
        for (QueryMatch parameter : parameters) {
            if (!parameter.matches(request.path())) {
                return false;
            }
        }
        if (grpc && !isGrpc(request)) {
            return false;
        }
        if (tls != null && !tls.matches(request)) {
            return false;
        }
        return fractionNumerator < 0 || random.nextLong(fractionDenominator) < fractionNumerator;
    }

    @Override
    public String explain(RequestView request) {
        if (!path.matches(request)) {
            return "path " + request.path() + " (expected: " + path.describe() + ")";
        }
        for (HeaderMatch header : headers) {
            String value = request.header(header.name());
            if (!header.matches(request)) {
                return "header " + header.name() + (value == null ? " is absent" : ": \"" + value + "\"")
                        + " (expected: " + header.describe() + ")";
            }
        }
        for (QueryMatch parameter : parameters) {
            if (!parameter.matches(request.path())) {
                String value = Query.value(request.path(), parameter.name());
                return "query " + parameter.name() + (value == null ? " is absent" : ": \"" + value + "\"")
                        + " (expected: " + parameter.describe() + ")";
            }
        }
        if (grpc && !isGrpc(request)) {
            return "not gRPC (expected: content-type application/grpc)";
        }
        if (tls != null && !tls.matches(request)) {
            return "the client's certificate is not what the route asks for";
        }
        return fractionNumerator < 0
                ? describe() + " matches"
                : describe() + " matches " + fractionNumerator + " of " + fractionDenominator + " requests";
    }

    @Override
    public String describe() {
        var words = new StringJoiner(", ");
        words.add(path.describe());
        for (HeaderMatch header : headers) {
            words.add(header.describe());
        }
        for (QueryMatch parameter : parameters) {
            words.add(parameter.describe());
        }
        if (grpc) {
            words.add("gRPC");
        }
        return words.toString();
    }

    @Override
    public int rewrittenLength(String path) {
        return this.path.rewritten(path);
    }

    private static int pathLength(String path) {
        int query = path.indexOf('?');
        return query < 0 ? path.length() : query;
    }

    private static boolean isConnect(RequestView request) {
        return request.method().equals("CONNECT");
    }

    private static boolean isGrpc(RequestView request) {
        String type = request.header("content-type");
        return type != null
                && type.startsWith("application/grpc")
                && (type.length() == 16 || type.charAt(16) == '+' || type.charAt(16) == ';');
    }

    /// Compiles; what cannot be honoured becomes a reason.
    static CompiledMatch compile(io.envoyproxy.envoy.config.route.v3.RouteMatch proto, String path, Reasons reasons) {
        reasons.refuseUnknown(path, proto);
        boolean sensitive =
                !proto.hasCaseSensitive() || proto.getCaseSensitive().getValue();
        PathMatch pathMatch = switch (proto.getPathSpecifierCase()) {
            case PREFIX -> new PrefixPath(proto.getPrefix(), sensitive);
            case PATH -> new ExactPath(proto.getPath(), sensitive);
            case PATH_SEPARATED_PREFIX -> new SegmentsPath(proto.getPathSeparatedPrefix(), sensitive);
            case SAFE_REGEX -> {
                var pattern =
                        reasons.regex(path + ".safe_regex", proto.getSafeRegex().getRegex());
                yield pattern == null ? new Connect() : new RegexPath(pattern);
            }
            case CONNECT_MATCHER -> new Connect();
            case PATH_MATCH_POLICY -> {
                reasons.add(
                        path + ".path_match_policy",
                        "not supported (expected: prefix, path, safe_regex, path_separated_prefix or connect_matcher)");
                yield new Connect();
            }
            case PATHSPECIFIER_NOT_SET -> {
                reasons.add(
                        path,
                        "no path specifier (expected: prefix, path, safe_regex, path_separated_prefix or connect_matcher)");
                yield new Connect();
            }
        };
        if (pathMatch instanceof SegmentsPath(String prefix, boolean ignored)
                && (!prefix.startsWith("/") || prefix.endsWith("/"))) {
            reasons.add(
                    path + ".path_separated_prefix",
                    "\"" + prefix + "\" (expected: to start with / and not to end with one)");
        }
        var headers = new ArrayList<HeaderMatch>();
        for (int i = 0; i < proto.getHeadersCount(); i++) {
            headers.add(HeaderMatches.compile(proto.getHeaders(i), path + ".headers[" + i + "]", reasons));
        }
        var parameters = new ArrayList<QueryMatch>();
        for (int i = 0; i < proto.getQueryParametersCount(); i++) {
            parameters.add(query(proto.getQueryParameters(i), path + ".query_parameters[" + i + "]", reasons));
        }
        for (var unsupported : List.of("dynamic_metadata", "filter_state")) {
            var field = Packed.type(proto).findFieldByName(unsupported);
            if (field != null && proto.getRepeatedFieldCount(field) > 0) {
                reasons.add(path + "." + unsupported, "not supported");
            }
        }
        TlsMatch tls = null;
        if (proto.hasTlsContext()) {
            var context = proto.getTlsContext();
            tls = new TlsMatch(
                    context.hasPresented() ? context.getPresented().getValue() : null,
                    context.hasValidated() ? context.getValidated().getValue() : null);
        }
        long numerator = -1;
        long denominator = 100;
        if (proto.hasRuntimeFraction()) {
            RuntimeFractionalPercent fraction = proto.getRuntimeFraction();
            numerator = Integer.toUnsignedLong(fraction.getDefaultValue().getNumerator());
            denominator = denominator(fraction.getDefaultValue());
        }
        return new CompiledMatch(
                pathMatch,
                headers.toArray(HeaderMatch[]::new),
                parameters.toArray(QueryMatch[]::new),
                proto.hasGrpc(),
                tls,
                numerator,
                denominator);
    }

    static long denominator(FractionalPercent percent) {
        return switch (percent.getDenominator()) {
            case HUNDRED, UNRECOGNIZED -> 100;
            case TEN_THOUSAND -> 10_000;
            case MILLION -> 1_000_000;
        };
    }

    private static QueryMatch query(
            io.envoyproxy.envoy.config.route.v3.QueryParameterMatcher proto, String path, Reasons reasons) {
        return switch (proto.getQueryParameterMatchSpecifierCase()) {
            case STRING_MATCH ->
                new QueryMatch(
                        proto.getName(),
                        StringMatch.compile(proto.getStringMatch(), path + ".string_match", reasons),
                        true);
            case PRESENT_MATCH -> new QueryMatch(proto.getName(), null, proto.getPresentMatch());
            case QUERYPARAMETERMATCHSPECIFIER_NOT_SET -> new QueryMatch(proto.getName(), null, true);
        };
    }
}
