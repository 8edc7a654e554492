package dev.mesh.api.decide.compile;

import com.google.protobuf.Message;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Gathers what is wrong with a resource.
final class Reasons {
    private final List<String> all = new ArrayList<>();

    void add(String path, String reason) {
        all.add(path + ": " + reason);
    }

    boolean isEmpty() {
        return all.isEmpty();
    }

    List<String> all() {
        return all;
    }

    /// A field newer than the API that this was built with: ignoring it would widen a match.
    void refuseUnknown(String path, Message message) {
        if (!message.getUnknownFields().asMap().isEmpty()) {
            add(
                    path,
                    "unknown fields " + message.getUnknownFields().asMap().keySet()
                            + " (expected: only fields of Envoy v1.34's API here)");
        }
    }

    @Nullable
    Pattern regex(String path, String regex) {
        try {
            return Pattern.compile(regex);
        } catch (PatternSyntaxException e) {
            add(path, "\"" + regex + "\" is no RE2 expression: " + e.getDescription());
            return null;
        }
    }
}
