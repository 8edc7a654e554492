package dev.mesh.pilot.inject;

import com.google.gson.JsonObject;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.meta.Ports;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// What a pod with a sidecar cannot have, or surely does not mean.
final class PodRules {
    private static final int PROXY_ID = 1337;

    /// Ports of the proxy → what it does there.
    static final Map<Integer, String> RESERVED = new TreeMap<>(Map.of(
            Ports.ADMIN,
            "its admin endpoint",
            Ports.OUTBOUND,
            "intercepted outbound traffic",
            15004,
            "debugging",
            Ports.INBOUND,
            "intercepted inbound traffic",
            15008,
            "the tunnel",
            Ports.AGENT,
            "merged metrics and probes",
            Ports.HEALTH,
            "its own readiness",
            Ports.DNS,
            "DNS",
            Ports.PROMETHEUS,
            "its own metrics"));

    private PodRules() {}

    /// @param namespaceLabels empty if they are not known
    static List<Finding> check(TemplateInput input, Map<String, String> namespaceLabels) {
        var findings = new ArrayList<Finding>();
        JsonObject pod = input.pod();
        boolean intercepts = !input.interceptionMode().equals("NONE");
        for (String list : List.of("initContainers", "containers")) {
            List<JsonObject> containers = Json.objects(pod, "spec", list);
            for (int i = 0; i < containers.size(); i++) {
                JsonObject container = containers.get(i);
                if (!List.of(Names.PROXY, Names.INIT, Names.VALIDATION).contains(Json.text(container, "name"))) {
                    String path = "spec." + list + "[" + i + "].";
                    if (intercepts) {
                        ids(input, container, path, findings);
                    }
                    ports(input, container, path, findings);
                }
            }
        }
        if (intercepts) {
            ids(input, Json.object(pod, "spec"), "spec.", findings);
        }
        String dns = Json.text(pod, "spec", "dnsPolicy");
        if (!dns.isEmpty() && !dns.equals("ClusterFirst")) {
            findings.add(warning(
                    input,
                    "spec.dnsPolicy",
                    dns + ": the proxy may not find the pilot by its name (expected: ClusterFirst)"));
        }
        if (!input.nativeSidecar()
                && List.of("Job", "CronJob").contains(input.workload().kind())) {
            findings.add(warning(
                    input,
                    "spec.containers",
                    "the Job does not end while its proxy runs (expected: native sidecars, or a POST to"
                            + " http://127.0.0.1:15020/quitquitquit at the end of the application)"));
        }
        String enforced = namespaceLabels.getOrDefault("pod-security.kubernetes.io/enforce", "privileged");
        if (intercepts && !input.nodeAgent() && !enforced.equals("privileged")) {
            findings.add(warning(
                    input,
                    "",
                    "the namespace enforces the pod security level \"" + enforced
                            + "\", which does not allow NET_ADMIN to " + Names.INIT
                            + " (expected: the node agent, or the level privileged)"));
        }
        if (input.tproxy() && input.nodeAgent() && !enforced.equals("privileged")) {
            findings.add(warning(
                    input,
                    Names.annotation(Names.INTERCEPTION),
                    "TPROXY: the namespace enforces the pod security level \"" + enforced
                            + "\", which does not allow NET_ADMIN to " + Names.PROXY
                            + " (expected: REDIRECT, or the level privileged)"));
        }
        return findings;
    }

    // Traffic of the proxy's user and group is not intercepted.
    private static void ids(TemplateInput input, JsonObject holder, String path, List<Finding> findings) {
        for (String field : List.of("runAsUser", "runAsGroup")) {
            if (Json.text(holder, "securityContext", field).equals(Integer.toString(PROXY_ID))) {
                findings.add(Remarks.error(
                        input.pod(),
                        input.namespace(),
                        path + "securityContext." + field,
                        PROXY_ID + " is the proxy's own, whose traffic is not intercepted (expected: another)"));
            }
        }
    }

    private static void ports(TemplateInput input, JsonObject container, String path, List<Finding> findings) {
        List<JsonObject> ports = Json.objects(container, "ports");
        for (int i = 0; i < ports.size(); i++) {
            String protocol = Json.text(ports.get(i), "protocol");
            String number = Json.text(ports.get(i), "containerPort");
            if (!AddressLists.port(number) || !(protocol.isEmpty() || protocol.equals("TCP"))) {
                continue;
            }
            int port = Integer.parseInt(number);
            String use = number.equals(input.statusPort()) ? "merged metrics and probes" : RESERVED.get(port);
            boolean unused = port == Ports.DNS || port == 15004 || port == 15008;
            if (use != null && !unused) {
                findings.add(Remarks.of(
                        Finding.Code.PORT_CONFLICT,
                        input.pod(),
                        input.namespace(),
                        path + "ports[" + i + "].containerPort",
                        port + " is the proxy's, for " + use + " (expected: another port)"));
            }
        }
    }

    private static Finding warning(TemplateInput input, String path, String message) {
        return Remarks.warning(input.pod(), input.namespace(), path, message);
    }
}
