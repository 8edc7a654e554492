package dev.mesh.api.networking;

/// How a piece of text must look (`istio.networking.v1.StringMatch`).
public sealed interface StringMatch {
    record Exact(String exact) implements StringMatch {}

    record Prefix(String prefix) implements StringMatch {}

    /// @param regex RE2, must match the whole text
    record Regex(String regex) implements StringMatch {}

    /// The object is there and names no way to match: the header or parameter only has to be present.
    record Present() implements StringMatch {}
}
