package dev.mesh.api.decide.compile;

import com.google.re2j.Pattern;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.Locale;

/// A compiled `envoy.type.matcher.v3.StringMatcher`.
sealed interface StringMatch {
    boolean matches(String value);

    String describe();

    record Exact(String text, boolean ignoreCase) implements StringMatch {
        @Override
        public boolean matches(String value) {
            return ignoreCase ? value.equalsIgnoreCase(text) : value.equals(text);
        }

        @Override
        public String describe() {
            return "exact \"" + text + "\"" + (ignoreCase ? " (any case)" : "");
        }
    }

    record Prefix(String text, boolean ignoreCase) implements StringMatch {
        @Override
        public boolean matches(String value) {
            return value.regionMatches(ignoreCase, 0, text, 0, text.length());
        }

        @Override
        public String describe() {
            return "prefix \"" + text + "\"" + (ignoreCase ? " (any case)" : "");
        }
    }

    record Suffix(String text, boolean ignoreCase) implements StringMatch {
        @Override
        public boolean matches(String value) {
            return value.regionMatches(ignoreCase, value.length() - text.length(), text, 0, text.length());
        }

        @Override
        public String describe() {
            return "suffix \"" + text + "\"" + (ignoreCase ? " (any case)" : "");
        }
    }

    /// @param text lower case if `ignoreCase`
    record Contains(String text, boolean ignoreCase) implements StringMatch {
        @Override
        public boolean matches(String value) {
            return (ignoreCase ? value.toLowerCase(Locale.ROOT) : value).contains(text);
        }

        @Override
        public String describe() {
            return "contains \"" + text + "\"" + (ignoreCase ? " (any case)" : "");
        }
    }

    record Regex(Pattern pattern) implements StringMatch {
        @Override
        public boolean matches(String value) {
            return pattern.matcher(value).matches();
        }

        @Override
        public String describe() {
            return "regex \"" + pattern + "\"";
        }
    }

    StringMatch NEVER = new Exact("", false);

    static StringMatch compile(StringMatcher proto, String path, Reasons reasons) {
        boolean any = proto.getIgnoreCase();
        return switch (proto.getMatchPatternCase()) {
            case EXACT -> new Exact(proto.getExact(), any);
            case PREFIX -> new Prefix(notEmpty(proto.getPrefix(), path + ".prefix", reasons), any);
            case SUFFIX -> new Suffix(notEmpty(proto.getSuffix(), path + ".suffix", reasons), any);
            case CONTAINS -> {
                String text = notEmpty(proto.getContains(), path + ".contains", reasons);
                yield new Contains(any ? text.toLowerCase(Locale.ROOT) : text, any);
            }
            case SAFE_REGEX -> {
                var pattern =
                        reasons.regex(path + ".safe_regex", proto.getSafeRegex().getRegex());
                yield pattern == null ? NEVER : new Regex(pattern);
            }
            case CUSTOM -> {
                reasons.add(
                        path + ".custom", "not supported (expected: exact, prefix, suffix, contains or safe_regex)");
                yield NEVER;
            }
            case MATCHPATTERN_NOT_SET -> {
                reasons.add(path, "no pattern (expected: exact, prefix, suffix, contains or safe_regex)");
                yield NEVER;
            }
        };
    }

    private static String notEmpty(String text, String path, Reasons reasons) {
        if (text.isEmpty()) {
            reasons.add(path, "empty (expected: at least one character)");
        }
        return text;
    }
}
