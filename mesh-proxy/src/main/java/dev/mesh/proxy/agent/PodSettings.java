package dev.mesh.proxy.agent;

import dev.mesh.proxy.dns.DnsServer;
import dev.mesh.proxy.tls.WorkloadKey;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Everything that a pod says to its proxy.
///
/// @param bootstrap complete: node, admin endpoint, how the control plane is reached
/// @param address of the pod
/// @param concurrency event loops; 0 = as many as there are processors
/// @param identity null = none is asked for
/// @param interceptedPorts where intercepted traffic arrives; empty = none is intercepted
/// @param probes by path on the status port
/// @param metrics of the application; null = it has none
/// @param dns how the application's DNS questions are answered; null = they do not come here
/// @param remarks what was set and is not honoured, a sentence each
public record PodSettings(
        Bootstrap bootstrap,
        InetAddress address,
        int concurrency,
        @Nullable Identity identity,
        List<Integer> interceptedPorts,
        Ports ports,
        Map<String, AppProbe> probes,
        @Nullable AppMetrics metrics,
        Ending ending,
        DnsServer.@Nullable Settings dns,
        List<String> remarks) {

    /// The pod's own endpoints, besides the admin endpoint; 0 = a free port.
    ///
    /// @param status 15020
    /// @param health 15021
    /// @param prometheus 15090
    public record Ports(int status, int health, int prometheus) {}

    /// How the workload's certificate is had.
    ///
    /// @param uri SPIFFE ID
    /// @param name that the authority's certificate must have
    /// @param root file with the authorities of the mesh
    /// @param clusterId may be empty
    public record Identity(
            String uri,
            WorkloadKey.Kind key,
            Duration validity,
            String host,
            int port,
            String name,
            Path root,
            Path token,
            String clusterId) {}

    /// Where the application's metrics are.
    ///
    /// @param scheme `http` or `https`
    public record AppMetrics(String scheme, int port, String path) {}

    /// How the proxy ends.
    ///
    /// @param drain how long connections are served on after SIGTERM
    /// @param untilIdle instead until there are no more connections, but not before `least`
    /// @param listeners how long a graceful drain of listeners takes until they close
    public record Ending(Duration drain, boolean untilIdle, Duration least, Duration listeners) {}
}
