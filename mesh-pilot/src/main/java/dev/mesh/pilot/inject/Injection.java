package dev.mesh.pilot.inject;

import com.google.gson.JsonObject;
import dev.mesh.api.finding.Finding;
import java.util.List;

/// What became of a pod.
public sealed interface Injection {
    /// It got a proxy.
    ///
    /// @param warnings what is legal but surely not meant, or not honoured
    record Injected(JsonObject pod, List<Finding> warnings) implements Injection {}

    /// It is left as it is.
    ///
    /// @param reason one sentence
    record Skipped(String reason, List<Finding> warnings) implements Injection {}

    /// It asks for what cannot be.
    ///
    /// @param findings at least one error, with warnings among them
    record Refused(List<Finding> findings) implements Injection {}
}
