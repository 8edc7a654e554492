package dev.mesh.api.finding;

import org.jspecify.annotations.Nullable;

/// One remark on one object that a user wrote.
///
/// @param about the object; null if the text could not be read far enough to name one
/// @param path field path in the object, such as `spec.http[0].route[1].weight`; empty = the whole object
/// @param message what is wrong and what was expected: `130 (expected: 0-100)`
/// @param position where it stands, or null if the object did not come from a file
public record Finding(
        Code code,
        @Nullable ResourceRef about,
        String path,
        String message,
        @Nullable SourcePosition position) {

    public Severity severity() {
        return code.severity();
    }

    /// An object that stands in two places.
    ///
    /// @param used the place that counts
    /// @param position the other
    public static Finding duplicate(ResourceRef about, SourcePosition used, SourcePosition position) {
        return new Finding(Code.DUPLICATE_OBJECT, about, "", "stands at " + used + " already, which is used", position);
    }

    /// One line for people: position, object, path, message.
    @Override
    public String toString() {
        var line = new StringBuilder();
        if (position != null && position.isInFile()) {
            line.append(position).append(": ");
        }
        line.append(severity().name().toLowerCase(java.util.Locale.ROOT)).append(": ");
        if (about != null) {
            line.append(about).append(": ");
        }
        if (!path.isEmpty()) {
            line.append(path).append(": ");
        }
        return line.append(message).toString();
    }

    public enum Severity {
        /// Worth knowing, nothing to do.
        INFO,
        /// Legal, but a part is not honoured or surely not meant.
        WARNING,
        /// The object, or the part, is not used.
        ERROR
    }

    /// What kind of remark; stable, so that people and scripts can look it up.
    public enum Code {
        /// No text could be had from a file: permission, size, a link to nothing.
        UNREADABLE_FILE(Severity.ERROR),
        /// Not YAML.
        MALFORMED_YAML(Severity.ERROR),
        /// A kind that mesh does not know in an API group that it honours.
        UNKNOWN_KIND(Severity.ERROR),
        /// A kind of another API group: accepted and listed, no part of the mesh.
        FOREIGN_KIND(Severity.INFO),
        /// YAML that is no object of Kubernetes' shape at all: left aside.
        NOT_AN_OBJECT(Severity.WARNING),
        UNKNOWN_FIELD(Severity.ERROR),
        WRONG_TYPE(Severity.ERROR),
        MISSING_FIELD(Severity.ERROR),
        INVALID_VALUE(Severity.ERROR),
        /// A field of a supported API that mesh does not honour yet.
        NOT_HONOURED(Severity.WARNING),
        /// The same, where ignoring it would weaken security: traffic is refused instead.
        NOT_HONOURED_FAILS_CLOSED(Severity.WARNING),
        /// Legal, but surely not meant.
        LIKELY_MISTAKE(Severity.WARNING),
        /// Weights that look like percents and do not sum up to 100.
        WEIGHT_SUM(Severity.WARNING),
        HOST_NOT_FOUND(Severity.WARNING),
        /// No Secret of that name holds what it is named for.
        SECRET_NOT_FOUND(Severity.WARNING),
        SUBSET_NOT_DEFINED(Severity.ERROR),
        GATEWAY_NOT_FOUND(Severity.WARNING),
        PORT_CONFLICT(Severity.ERROR),
        /// Two objects claim one host; the oldest is used.
        CONFLICTING_HOST(Severity.ERROR),
        /// Two objects with the same kind, namespace and name.
        DUPLICATE_OBJECT(Severity.ERROR),
        /// No request can reach a rule, because an earlier one takes everything.
        UNREACHABLE_RULE(Severity.WARNING);

        private final Severity severity;

        Code(Severity severity) {
            this.severity = severity;
        }

        public Severity severity() {
            return severity;
        }
    }
}
