package dev.mesh.proxy.node;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.mesh.proxy.filter.ConfigRejected;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// The command line of `mesh-proxy node-agent`. Pure.
///
/// @param node its name
/// @param namespace of the agent
/// @param daemonSet that it belongs to
/// @param programs the host's folder of CNI plugins, as this process sees it
/// @param configurations the host's folder of network configurations, likewise
/// @param configurationName the one to chain to; empty = the first
/// @param socket on which the plugin calls; the same path here and on the host
/// @param plugin its program
/// @param patienceSeconds of the plugin
/// @param excludedNamespaces that are left alone
/// @param statusPort of `/healthz/ready`; 0 = any
/// @param logLevel as of `mesh-proxy`
/// @param remove takes everything off this node, and ends
record NodeSettings(
        String node,
        String namespace,
        String daemonSet,
        Path programs,
        Path configurations,
        String configurationName,
        Path socket,
        Path plugin,
        int patienceSeconds,
        Set<String> excludedNamespaces,
        Repair.Action repair,
        String labelName,
        String labelValue,
        int statusPort,
        String logLevel,
        boolean remove,
        boolean help) {
    static final String USAGE = """
            usage: mesh-proxy node-agent [options]     lays the rules of this node's pods; runs as a DaemonSet
                  --node NAME                  (default: $NODE_NAME)
                  --namespace NAME             its own (default: $POD_NAMESPACE)
                  --daemonset NAME             that it belongs to: when that is gone, it leaves nothing behind
                                               (default: mesh-node-agent)
                  --cni-bin-dir DIR            the host's (default: /host/opt/cni/bin)
                  --cni-conf-dir DIR           the host's (default: /host/etc/cni/net.d)
                  --cni-conf-name FILE         the network configuration to chain to (default: the first)
                  --socket FILE                the same here and on the host (default: /var/run/mesh-node-agent/agent.sock)
                  --plugin FILE                (default: /opt/mesh/cni/mesh-cni)
                  --timeout SECONDS            how long a pod's start waits for an answer (default: 30)
                  --exclude-namespaces NAMES   left alone, separated by commas (default: kube-system)
                  --repair none|label|delete   what is done with pods that came up without rules (default: none)
                  --repair-label NAME=VALUE    (default: cni.istio.io/uninitialized=true)
                  --status-port PORT           of /healthz/ready (default: 15021)
                  --log-level LEVEL            trace, debug, info, warning, error, off (default: info)
                  --remove                     takes plugin and configuration off this node, and ends
            """;

    private static final Set<String> OPTIONS = Set.of(
            "--node",
            "--namespace",
            "--daemonset",
            "--cni-bin-dir",
            "--cni-conf-dir",
            "--cni-conf-name",
            "--socket",
            "--plugin",
            "--timeout",
            "--exclude-namespaces",
            "--repair",
            "--repair-label",
            "--status-port",
            "--log-level");

    /// @throws ConfigRejected with every reason
    static NodeSettings parse(List<String> args, Map<String, String> environment) throws ConfigRejected {
        var given = new LinkedHashMap<String, String>();
        var reasons = new ArrayList<String>();
        boolean remove = false;
        boolean help = false;
        for (int i = 0; i < args.size(); i++) {
            String written = args.get(i);
            int equals = written.indexOf('=');
            String name = equals > 0 ? written.substring(0, equals) : written;
            if (name.equals("--remove")) {
                remove = true;
            } else if (name.equals("--help") || name.equals("-h")) {
                help = true;
            } else if (!OPTIONS.contains(name)) {
                reasons.add(written + ": unknown option");
            } else if (equals > 0) {
                given.put(name, written.substring(equals + 1));
            } else if (i + 1 < args.size()) {
                given.put(name, args.get(++i));
            } else {
                reasons.add(written + ": its value is missing");
            }
        }
        String node = given.getOrDefault("--node", environment.getOrDefault("NODE_NAME", ""));
        String namespace = given.getOrDefault("--namespace", environment.getOrDefault("POD_NAMESPACE", ""));
        if (!help && !remove) {
            if (node.isEmpty()) {
                reasons.add("--node is missing, and so is NODE_NAME (expected: spec.nodeName by the downward API)");
            }
            if (namespace.isEmpty()) {
                reasons.add(
                        "--namespace is missing, and so is POD_NAMESPACE (expected: metadata.namespace by the downward API)");
            }
        }
        var repair = Repair.Action.NONE;
        String wanted = given.getOrDefault("--repair", "none");
        if (List.of("none", "label", "delete").contains(wanted)) {
            repair = Repair.Action.valueOf(wanted.toUpperCase(Locale.ROOT));
        } else {
            reasons.add("--repair: \"" + wanted + "\" (expected: none, label or delete)");
        }
        String label = given.getOrDefault("--repair-label", "cni.istio.io/uninitialized=true");
        if (label.indexOf('=') < 1) {
            reasons.add("--repair-label: \"" + label + "\" (expected: NAME=VALUE)");
            label = "=";
        }
        var settings = new NodeSettings(
                node,
                namespace,
                given.getOrDefault("--daemonset", "mesh-node-agent"),
                Path.of(given.getOrDefault("--cni-bin-dir", "/host/opt/cni/bin")),
                Path.of(given.getOrDefault("--cni-conf-dir", "/host/etc/cni/net.d")),
                given.getOrDefault("--cni-conf-name", ""),
                Path.of(given.getOrDefault("--socket", "/var/run/mesh-node-agent/agent.sock")),
                Path.of(given.getOrDefault("--plugin", "/opt/mesh/cni/mesh-cni")),
                number(given, "--timeout", 30, 1, 600, reasons),
                Set.copyOf(List.of(given.getOrDefault("--exclude-namespaces", "kube-system")
                        .split(","))),
                repair,
                label.substring(0, label.indexOf('=')),
                label.substring(label.indexOf('=') + 1),
                number(given, "--status-port", 15021, 0, 65535, reasons),
                given.getOrDefault("--log-level", "info"),
                remove,
                help);
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        return settings;
    }

    private static int number(
            Map<String, String> given, String name, int usual, int least, int most, List<String> reasons) {
        String written = given.getOrDefault(name, Integer.toString(usual));
        if (!written.matches("[0-9]{1,5}") || Integer.parseInt(written) < least || Integer.parseInt(written) > most) {
            reasons.add(name + ": \"" + written + "\" (expected: " + least + "-" + most + ")");
            return usual;
        }
        return Integer.parseInt(written);
    }

    /// What the plugin is told by the network configuration.
    JsonObject pluginSettings() {
        var agent = new JsonObject();
        agent.addProperty("namespace", namespace);
        agent.addProperty("name", daemonSet);
        var excluded = new JsonArray();
        excludedNamespaces.stream().filter(name -> !name.isEmpty()).sorted().forEach(excluded::add);
        var settings = new JsonObject();
        settings.addProperty("socket", socket.toString());
        settings.addProperty("timeoutSeconds", patienceSeconds);
        settings.add("excludeNamespaces", excluded);
        settings.add("agent", agent);
        return settings;
    }
}
