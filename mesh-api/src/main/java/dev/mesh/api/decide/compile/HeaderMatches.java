package dev.mesh.api.decide.compile;

import dev.mesh.api.decide.HeaderMatch;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Compiles `envoy.config.route.v3.HeaderMatcher`, its deprecated forms included.
final class HeaderMatches {
    private HeaderMatches() {}

    private record Present(String name, boolean present, boolean invert, boolean missingIsEmpty)
            implements HeaderMatch {
        @Override
        public boolean matches(@Nullable String value) {
            boolean there = value != null || missingIsEmpty;
            return (there == present) != invert;
        }

        @Override
        public String describe() {
            return "header " + name + (present != invert ? " present" : " absent");
        }
    }

    private record Text(String name, StringMatch match, boolean invert, boolean missingIsEmpty) implements HeaderMatch {
        @Override
        public boolean matches(@Nullable String value) {
            if (value == null) {
                // Absence is no match, so an inverted matcher is content with it.
                return missingIsEmpty ? match.matches("") != invert : invert;
            }
            return match.matches(value) != invert;
        }

        @Override
        public String describe() {
            return "header " + name + (invert ? " not " : " ") + match.describe();
        }
    }

    private record Range(String name, long start, long end, boolean invert, boolean missingIsEmpty)
            implements HeaderMatch {
        @Override
        public boolean matches(@Nullable String value) {
            if (value == null) {
                return invert;
            }
            boolean in = false;
            try {
                long number = Long.parseLong(value);
                in = number >= start && number < end;
            } catch (NumberFormatException e) {
                in = false;
            }
            return in != invert;
        }

        @Override
        public String describe() {
            return "header " + name + (invert ? " not in [" : " in [") + start + ", " + end + ")";
        }
    }

    @SuppressWarnings("deprecation") // the deprecated forms are what older control planes send
    static HeaderMatch compile(HeaderMatcher proto, String path, Reasons reasons) {
        reasons.refuseUnknown(path, proto);
        String name = proto.getName().toLowerCase(Locale.ROOT);
        if (name.isEmpty()) {
            reasons.add(path + ".name", "empty (expected: a header name)");
        }
        boolean invert = proto.getInvertMatch();
        boolean empty = proto.getTreatMissingHeaderAsEmpty();
        return switch (proto.getHeaderMatchSpecifierCase()) {
            case STRING_MATCH ->
                new Text(
                        name,
                        StringMatch.compile(proto.getStringMatch(), path + ".string_match", reasons),
                        invert,
                        empty);
            case EXACT_MATCH -> new Text(name, new StringMatch.Exact(proto.getExactMatch(), false), invert, empty);
            case PREFIX_MATCH -> new Text(name, new StringMatch.Prefix(proto.getPrefixMatch(), false), invert, empty);
            case SUFFIX_MATCH -> new Text(name, new StringMatch.Suffix(proto.getSuffixMatch(), false), invert, empty);
            case CONTAINS_MATCH ->
                new Text(name, new StringMatch.Contains(proto.getContainsMatch(), false), invert, empty);
            case SAFE_REGEX_MATCH -> {
                var pattern = reasons.regex(
                        path + ".safe_regex_match", proto.getSafeRegexMatch().getRegex());
                yield new Text(
                        name, pattern == null ? StringMatch.NEVER : new StringMatch.Regex(pattern), invert, empty);
            }
            case RANGE_MATCH ->
                new Range(
                        name,
                        proto.getRangeMatch().getStart(),
                        proto.getRangeMatch().getEnd(),
                        invert,
                        empty);
            case PRESENT_MATCH -> new Present(name, proto.getPresentMatch(), invert, empty);
            case HEADERMATCHSPECIFIER_NOT_SET -> new Present(name, true, invert, empty);
        };
    }
}
