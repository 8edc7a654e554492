package dev.mesh.proxy.node;

import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Pod → whether the node lays its rules, and which; the order of the questions is that of Istio's CNI plugin. Pure.
///
/// The rules are those of the pod's own validation container, whose arguments the injector wrote: so what is laid is
/// what is looked for.
final class PodRules {
    static final String STATUS = "sidecar.istio.io/status";
    static final String VALIDATION = "istio-validation";
    private static final String PROXY = "istio-proxy";
    private static final String INIT = "istio-init";

    private PodRules() {}

    /// What is to be done.
    sealed interface Decision {
        /// Nothing.
        ///
        /// @param why a part of a sentence: "it has no sidecar"
        record Leave(String why) implements Decision {}

        /// @param args the flags of `mesh-proxy iptables`
        /// @param environment that goes with them
        /// @param nameServers of the pod
        record Lay(List<String> args, Map<String, String> environment, List<String> nameServers) implements Decision {}
    }

    /// @param pod as the API server has it
    /// @param excluded namespaces that are left alone
    /// @param clusterServers name servers of pods that use the cluster's
    static Decision of(JsonObject pod, Set<String> excluded, List<String> clusterServers) {
        if (Json.text(pod, "spec", "hostNetwork").equals("true")) {
            return new Decision.Leave("it is on the network of its host");
        }
        String namespace = Json.text(pod, "metadata", "namespace");
        if (excluded.contains(namespace)) {
            return new Decision.Leave("its namespace " + namespace + " is excluded");
        }
        var all = new ArrayList<>(Json.objects(pod, "spec", "initContainers"));
        if (Json.named(all, INIT) != null) {
            return new Decision.Leave("its init container " + INIT + " lays them");
        }
        JsonObject validation = Json.named(all, VALIDATION);
        all.addAll(Json.objects(pod, "spec", "containers"));
        JsonObject proxy = Json.named(all, PROXY);
        if (proxy == null) {
            return new Decision.Leave("it has no container " + PROXY);
        }
        String why = unwanted(pod, proxy);
        if (why != null) {
            return new Decision.Leave(why);
        }
        if (validation == null) {
            return new Decision.Leave("it has no init container " + VALIDATION + ", which says what they are");
        }
        return lay(pod, validation, clusterServers);
    }

    private static @Nullable String unwanted(JsonObject pod, JsonObject proxy) {
        List<String> args = Json.strings(proxy, "args");
        if (args.size() > 1 && args.getFirst().equals("proxy") && !args.get(1).equals("sidecar")) {
            return "its proxy is a " + args.get(1);
        }
        Map<String, String> labels = Json.map(pod, "metadata", "labels");
        Map<String, String> annotations = Json.map(pod, "metadata", "annotations");
        String inject =
                labels.getOrDefault("sidecar.istio.io/inject", annotations.getOrDefault("sidecar.istio.io/inject", ""));
        if (inject.equals("false")
                || labels.getOrDefault("mesh.dev/injection", "").equals("disabled")) {
            return "it asks for no sidecar";
        }
        if (!annotations.containsKey(STATUS)) {
            return "its proxy is not an injected one (it has no annotation " + STATUS + ")";
        }
        if (annotations.getOrDefault("sidecar.istio.io/interceptionMode", "").equals("NONE")
                || environment(proxy)
                        .getOrDefault("ISTIO_META_INTERCEPTION_MODE", "")
                        .equals("NONE")) {
            return "its interception mode is NONE";
        }
        return null;
    }

    private static Decision lay(JsonObject pod, JsonObject validation, List<String> clusterServers) {
        var args = new ArrayList<>(Json.strings(validation, "args"));
        if (!args.isEmpty() && !args.getFirst().startsWith("-")) {
            args.removeFirst(); // `iptables`, or Istio's `istio-iptables`
        }
        args.removeAll(List.of("--run-validation", "--skip-rule-apply"));
        var servers = new ArrayList<String>();
        switch (Json.text(pod, "spec", "dnsPolicy")) {
            case "None" -> {}
            // Those of the node, which this process does not know.
            case "Default" -> args.add("--capture-all-dns");
            default -> servers.addAll(clusterServers);
        }
        servers.addAll(Json.strings(pod, "spec", "dnsConfig", "nameservers"));
        return new Decision.Lay(List.copyOf(args), environment(validation), List.copyOf(servers));
    }

    /// Variables with values of their own: others are not known here.
    private static Map<String, String> environment(JsonObject container) {
        var environment = new LinkedHashMap<String, String>();
        for (JsonObject variable : Json.objects(container, "env")) {
            environment.put(Json.text(variable, "name"), Json.text(variable, "value"));
        }
        return environment;
    }
}
