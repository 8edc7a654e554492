package dev.mesh.api.decide.explain;

import dev.mesh.api.decide.Provenance;
import org.jspecify.annotations.Nullable;

/// [Provenance] as explanations show it.
public final class Origins {
    private Origins() {}

    /// @return null for null
    public static Explanation.@Nullable Origin of(@Nullable Provenance provenance) {
        return provenance == null
                ? null
                : new Explanation.Origin(
                        provenance.kind(), provenance.namespace(), provenance.name(), provenance.rule(), "");
    }
}
