package dev.mesh.api.local;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Inline;
import dev.mesh.api.shape.Required;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A process that `meshctl up` starts behind a sidecar (`mesh.dev` LocalProcess).
///
/// The process gets, for each port of its WorkloadEntry, a free port of 127.0.0.1 in `PORT_<NAME>` (upper case, `-`
/// as `_`), and the port that [#port] names in `PORT` too. `${NAME}` in `command` and `env` stands for a variable of
/// the process's environment, `$$` for a dollar sign.
///
/// @param command program and arguments; no shell in between
/// @param workload name of the WorkloadEntry in the same namespace; empty: the name of this object
/// @param port name in the WorkloadEntry's ports that `PORT` stands for; empty: its first
/// @param directory where it runs, relative to the folder; empty: the folder itself
/// @param ready when it counts as started; null: when every port accepts connections
public record LocalProcess(
        @Required List<String> command,
        Map<String, String> env,
        String workload,
        String port,
        String directory,
        @Nullable Ready ready,
        RestartPolicy restart)
        implements Spec {

    /// @param timeout null: 30 s
    public record Ready(
            @Inline @Nullable Probe probe, @Nullable Duration timeout) {}

    public sealed interface Probe {
        record Http(HttpGet httpGet) implements Probe {}

        record Tcp(TcpSocket tcp) implements Probe {}
    }

    /// Ready when the answer's status is 200 to 399.
    ///
    /// @param port name in the WorkloadEntry's ports; empty: as `spec.port`
    public record HttpGet(String path, String port) {}

    /// Ready when the port accepts connections.
    ///
    /// @param port name in the WorkloadEntry's ports; empty: as `spec.port`
    public record TcpSocket(String port) {}

    public enum RestartPolicy {
        /// Shown as failed, and left so.
        Never,
        /// Started again when it ends with a code other than 0, after a growing pause.
        OnFailure,
        Always
    }
}
