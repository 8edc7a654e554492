package dev.mesh.api.decide;

import java.util.List;

/// Header additions and removals in the order to apply: all removals of a level go before its additions, as
/// in Envoy. Values are format strings with `%...%` operators, evaluated by the proxy.
public record HeaderMutations(List<Step> steps) {
    public static final HeaderMutations NONE = new HeaderMutations(List.of());

    public HeaderMutations {
        steps = List.copyOf(steps);
    }

    public boolean isEmpty() {
        return steps.isEmpty();
    }

    /// One mutation.
    public sealed interface Step {
        /// Lower case.
        String name();
    }

    /// @param name lower case
    /// @param format Envoy format string; `%%` is a percent sign
    public record Add(String name, String format, Append append, boolean keepEmpty) implements Step {}

    /// @param name lower case
    public record Remove(String name) implements Step {}

    /// `HeaderValueOption.HeaderAppendAction`.
    public enum Append {
        APPEND_IF_EXISTS_OR_ADD,
        ADD_IF_ABSENT,
        OVERWRITE_IF_EXISTS_OR_ADD,
        OVERWRITE_IF_EXISTS
    }
}
