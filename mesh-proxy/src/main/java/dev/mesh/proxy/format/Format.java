package dev.mesh.proxy.format;

import dev.mesh.proxy.stream.StreamInfo;

/// A compiled format string. Immutable; any thread.
public interface Format {
    /// Appends the value; an operator that has none prints `-`.
    void append(StreamInfo stream, StringBuilder out);

    /// The value for a header: operators that have none print nothing.
    String headerValue(StreamInfo stream);
}
