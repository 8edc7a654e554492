package dev.mesh.cli.local;

import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `${NAME}` and `$$` in the words of a LocalProcess. Pure.
final class Variables {
    private static final Pattern PLACE = Pattern.compile("\\$(?:\\$|\\{([^}]*)})");

    private Variables() {}

    /// @param text as written
    /// @return with every variable's value in its place
    static String replace(String text, Map<String, String> variables) {
        return PLACE.matcher(text)
                .replaceAll(place -> Matcher.quoteReplacement(
                        place.group(1) == null ? "$" : variables.getOrDefault(place.group(1), "")));
    }

    /// The first variable in `text` that is not known.
    static Optional<String> unknown(String text, Map<String, String> variables) {
        return PLACE.matcher(text)
                .results()
                .map(place -> place.group(1))
                .filter(name -> name != null && !variables.containsKey(name))
                .findFirst();
    }
}
