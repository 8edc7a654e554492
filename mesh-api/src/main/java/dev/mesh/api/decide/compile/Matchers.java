package dev.mesh.api.decide.compile;

import dev.mesh.api.decide.HeaderMatch;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/// The matchers that filters and access logs share with routes.
public final class Matchers {
    private Matchers() {}

    /// @param path of the field, for the reasons
    public static Compiled<List<HeaderMatch>> headers(List<HeaderMatcher> protos, String path) {
        var reasons = new Reasons();
        var matches = new ArrayList<HeaderMatch>(protos.size());
        for (int i = 0; i < protos.size(); i++) {
            matches.add(HeaderMatches.compile(protos.get(i), path + "[" + i + "]", reasons));
        }
        return reasons.isEmpty()
                ? new Compiled.Ok<>(List.copyOf(matches))
                : new Compiled.Rejected<>(List.copyOf(reasons.all()));
    }

    /// Matches a string that any of `protos` matches.
    ///
    /// @param path of the field, for the reasons
    public static Compiled<Predicate<String>> anyOf(List<StringMatcher> protos, String path) {
        var reasons = new Reasons();
        var matches = new ArrayList<StringMatch>(protos.size());
        for (int i = 0; i < protos.size(); i++) {
            matches.add(StringMatch.compile(protos.get(i), path + "[" + i + "]", reasons));
        }
        if (!reasons.isEmpty()) {
            return new Compiled.Rejected<>(List.copyOf(reasons.all()));
        }
        return new Compiled.Ok<>(text -> {
            for (StringMatch match : matches) {
                if (match.matches(text)) {
                    return true;
                }
            }
            return false;
        });
    }
}
