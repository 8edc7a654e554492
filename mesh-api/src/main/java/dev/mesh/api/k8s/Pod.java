package dev.mesh.api.k8s;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Unused;
import dev.mesh.api.shape.Whole;
import java.util.List;
import java.util.Map;

/// A Kubernetes Pod: where it runs, as whom, and whether it serves.
@Whole
@Unused(Unused.ANY)
public record Pod(PodSpec spec, PodStatus status) implements Spec {

    /// @param nodeName empty: not bound to a node yet
    /// @param hostNetwork whether its addresses are its node's
    /// @param initContainers with `restartPolicy: Always` they are sidecars
    @Unused(Unused.ANY)
    public record PodSpec(
            String nodeName,
            String serviceAccountName,
            boolean hostNetwork,
            List<Container> containers,
            List<Container> initContainers) {}

    @Unused(Unused.ANY)
    public record Container(String name, String restartPolicy, List<ContainerPort> ports) {}

    /// @param name may be a Service's target port; may be empty
    /// @param protocol `TCP` if empty
    @Unused(Unused.ANY)
    public record ContainerPort(String name, int containerPort, String protocol) {}

    /// @param phase `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`
    /// @param podIP empty: none yet
    /// @param podIPs the same, and that of the other address family
    @Unused(Unused.ANY)
    public record PodStatus(String phase, String podIP, List<PodIp> podIPs, List<Condition> conditions) {}

    @Unused(Unused.ANY)
    public record PodIp(String ip) {}

    /// @param type such as `Ready`
    /// @param status `True`, `False` or `Unknown`
    @Unused(Unused.ANY)
    public record Condition(String type, String status) {}

    /// Whether it has not come to its end.
    public boolean isAlive() {
        return !status.phase().equals("Succeeded") && !status.phase().equals("Failed");
    }

    /// Whether all its containers serve.
    public boolean isReady() {
        return status.conditions().contains(new Condition("Ready", "True"));
    }

    /// Named ports of its containers that run along: name → number.
    public Map<String, Integer> namedPorts() {
        var named = new java.util.LinkedHashMap<String, Integer>();
        spec.containers()
                .forEach(container -> container.ports().forEach(port -> {
                    if (!port.name().isEmpty()) {
                        named.putIfAbsent(port.name(), port.containerPort());
                    }
                }));
        return named;
    }
}
