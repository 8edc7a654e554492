package dev.mesh.proxy.filter;

import java.util.List;

/// A piece of configuration cannot be used. Carries every reason that was found, each with its field path.
public final class ConfigRejected extends Exception {
    private static final long serialVersionUID = 1;

    private final transient List<String> reasons;

    public ConfigRejected(List<String> reasons) {
        super(String.join("; ", reasons), null, false, false);
        this.reasons = List.copyOf(reasons);
    }

    public ConfigRejected(String reason) {
        this(List.of(reason));
    }

    public List<String> reasons() {
        return reasons;
    }
}
