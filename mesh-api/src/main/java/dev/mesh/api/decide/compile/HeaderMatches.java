package dev.mesh.api.decide.compile;

import dev.mesh.api.decide.HeaderMatch;
import dev.mesh.api.decide.HeaderValues;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import java.util.Locale;

/// Compiles `envoy.config.route.v3.HeaderMatcher`, its deprecated forms included.
final class HeaderMatches {
    private HeaderMatches() {}

    private record Present(String name, boolean present, boolean invert, boolean missingIsEmpty)
            implements HeaderMatch {
        @Override
        public boolean matches(HeaderValues headers) {
            boolean there = missingIsEmpty || headers.headerCount(name) > 0;
            return (there == present) != invert;
        }

        @Override
        public String describe() {
            return "header " + name + (present != invert ? " present" : " absent");
        }
    }

    private record Text(String name, StringMatch match, boolean invert, boolean missingIsEmpty) implements HeaderMatch {
        @Override
        public boolean matches(HeaderValues headers) {
            int count = headers.headerCount(name);
            if (count == 0) {
                // An absent header is matched by nothing, not even by an inverted matcher.
                return missingIsEmpty && match.matches("") != invert;
            }
            boolean any = false;
            for (int i = 0; i < count && !any; i++) {
                any = match.matches(headers.headerAt(name, i));
            }
            return any != invert;
        }

        @Override
        public String describe() {
            return "header " + name + (invert ? " not " : " ") + match.describe();
        }
    }

    private record Range(String name, long start, long end, boolean invert, boolean missingIsEmpty)
            implements HeaderMatch {
        @Override
        public boolean matches(HeaderValues headers) {
            int count = headers.headerCount(name);
            if (count == 0) {
                return missingIsEmpty && invert;
            }
            boolean any = false;
            for (int i = 0; i < count && !any; i++) {
                any = within(headers.headerAt(name, i));
            }
            return any != invert;
        }

        private boolean within(String value) {
            try {
                long number = Long.parseLong(value);
                return number >= start && number < end;
            } catch (NumberFormatException e) {
                return false;
            }
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
