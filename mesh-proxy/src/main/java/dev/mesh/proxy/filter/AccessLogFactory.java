package dev.mesh.proxy.filter;

import com.google.protobuf.Any;

/// Makes access loggers of one kind. One factory per kind, listed in the composition root.
public interface AccessLogFactory {
    String typeUrl();

    /// Checks `config` once, at load.
    AccessLogger bind(Any config) throws ConfigRejected;
}
