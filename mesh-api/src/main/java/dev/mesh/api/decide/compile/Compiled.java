package dev.mesh.api.decide.compile;

import java.util.List;

/// The result of compiling one resource: a value, or every reason why not.
public sealed interface Compiled<T> {
    record Ok<T>(T value) implements Compiled<T> {}

    /// @param reasons each with its field path: `virtual_hosts[0].routes[2].match: ...`
    record Rejected<T>(List<String> reasons) implements Compiled<T> {
        public Rejected {
            reasons = List.copyOf(reasons);
        }
    }
}
