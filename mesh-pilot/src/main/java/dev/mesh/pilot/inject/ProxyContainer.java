package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The parts that a proxy has in every form: its environment, volumes, probes, resources.
final class ProxyContainer {
    private static final String PROGRAM = "/opt/mesh/bin/mesh-proxy";
    static final int USER = 1337;

    private ProxyContainer() {}

    /// @param type `sidecar` or `router`
    static JsonObject of(TemplateInput input, String type) {
        JsonObject container = Json.of("name", Names.PROXY, "image", input.proxyImage());
        String pull = input.values().text("global.imagePullPolicy", "");
        if (!pull.isEmpty()) {
            container.addProperty("imagePullPolicy", pull);
        }
        container.add("args", arguments(input, type));
        container.add(
                "ports", Json.listOf(Json.of("containerPort", 15090, "protocol", "TCP", "name", "http-envoy-prom")));
        container.add("env", environment(input));
        container.add("resources", resources(input));
        container.add("volumeMounts", mounts(input));
        return container;
    }

    private static JsonArray arguments(TemplateInput input, String type) {
        String level = input.annotation(Names.LOG_LEVEL, "global.proxy.logLevel", "warning");
        JsonArray arguments = Json.listOf(
                "proxy",
                type,
                "--domain",
                "$(POD_NAMESPACE).svc." + input.values().text("global.proxy.clusterDomain", "cluster.local"),
                "--log-level=" + (level.equals("warn") ? "warning" : level));
        String threads = Json.text(input.proxyConfig(), "concurrency");
        if (!threads.isEmpty() && !threads.equals("0")) {
            arguments.add("--concurrency=" + threads);
        }
        return arguments;
    }

    private static JsonArray environment(TemplateInput input) {
        var settings = input.settings();
        var env = new JsonArray();
        add(
                env,
                "CA_ADDR",
                input.values().text("global.caAddress", Json.text(input.proxyConfig(), "discoveryAddress")));
        field(env, "POD_NAME", "metadata.name");
        field(env, "POD_NAMESPACE", "metadata.namespace");
        field(env, "INSTANCE_IP", "status.podIP");
        field(env, "INSTANCE_IPS", "status.podIPs");
        field(env, "SERVICE_ACCOUNT", "spec.serviceAccountName");
        field(env, "HOST_IP", "status.hostIP");
        env.add(Json.of(
                "name",
                "ISTIO_CPU_LIMIT",
                "valueFrom",
                Json.of("resourceFieldRef", Json.of("resource", "limits.cpu", "divisor", "1"))));
        add(env, "TRUST_DOMAIN", input.trustDomain());
        add(env, "PROXY_CONFIG", Json.compact(input.proxyConfig()));
        add(env, "ISTIO_META_POD_PORTS", Json.compact(ports(input)));
        add(env, "ISTIO_META_APP_CONTAINERS", String.join(",", input.applications()));
        String cluster = settings.cluster().isEmpty()
                ? input.values().text("global.multiCluster.clusterName", "Kubernetes")
                : settings.cluster();
        add(env, "ISTIO_META_CLUSTER_ID", cluster);
        field(env, "ISTIO_META_NODE_NAME", "spec.nodeName");
        add(env, "ISTIO_META_INTERCEPTION_MODE", input.interceptionMode());
        String network = network(input);
        if (!network.isEmpty()) {
            add(env, "ISTIO_META_NETWORK", network);
        }
        String workload = input.labels()
                .getOrDefault(Names.WORKLOAD_NAME, input.workload().name());
        if (!workload.isEmpty()) {
            add(env, "ISTIO_META_WORKLOAD_NAME", workload);
        }
        if (!input.workload().name().isEmpty()) {
            add(env, "ISTIO_META_OWNER", input.workload().owner());
        }
        add(env, "ISTIO_META_MESH_ID", input.values().text("global.meshID", input.trustDomain()));
        ProxyConfigs.metadata(input.proxyConfig()).forEach((name, value) -> add(env, name, value));
        return env;
    }

    /// The network of the pod: its own label, then the request's path, then the chart.
    static String network(TemplateInput input) {
        String network = input.settings().network();
        return input.labels()
                .getOrDefault(Names.NETWORK, network.isEmpty() ? input.values().text("global.network", "") : network);
    }

    private static JsonArray ports(TemplateInput input) {
        return Json.list(input.containers().stream().flatMap(container -> Json.objects(container, "ports").stream()));
    }

    static void add(JsonArray env, String name, String value) {
        JsonObject known = StrategicMerge.find(env, name);
        if (known != null) {
            known.addProperty("value", value);
            known.remove("valueFrom");
        } else {
            env.add(Json.of("name", name, "value", value));
        }
    }

    private static void field(JsonArray env, String name, String path) {
        env.add(Json.of("name", name, "valueFrom", Json.of("fieldRef", Json.of("fieldPath", path))));
    }

    /// As the annotations say, or else as the chart does.
    static JsonElement resources(TemplateInput input) {
        Map<String, String> annotations = input.annotations();
        boolean own = Stream.of(Names.CPU, Names.MEMORY, Names.CPU_LIMIT, Names.MEMORY_LIMIT)
                .anyMatch(annotations::containsKey);
        if (own) {
            JsonObject requests = Json.of("cpu", annotations.get(Names.CPU), "memory", annotations.get(Names.MEMORY));
            JsonObject limits =
                    Json.of("cpu", annotations.get(Names.CPU_LIMIT), "memory", annotations.get(Names.MEMORY_LIMIT));
            return Json.of(
                    "requests", requests.isEmpty() ? null : requests, "limits", limits.isEmpty() ? null : limits);
        }
        if (input.values().at("global.proxy.resources") instanceof JsonObject chart) {
            JsonObject resources = chart.deepCopy();
            for (String group : List.copyOf(resources.keySet())) {
                Json.object(resources, group)
                        .entrySet()
                        .removeIf(entry -> entry.getValue().isJsonNull());
            }
            return resources;
        }
        return Json.of(
                "requests",
                Json.of("cpu", "100m", "memory", "128Mi"),
                "limits",
                Json.of("cpu", "2000m", "memory", "1024Mi"));
    }

    /// Secure, unless it must reach low ports or mark packets, for which the kernel wants user 0.
    ///
    /// @param marks whether it intercepts by TPROXY
    static JsonObject securityContext(TemplateInput input, boolean marks) {
        boolean bindLow = input.annotation(Names.BIND_LOW_PORTS, "global.proxy.capNetBindService", "false")
                .equals("true");
        var capabilities = new JsonObject();
        if (marks || bindLow) {
            var added = new JsonArray();
            if (marks) {
                added.add("NET_ADMIN");
            }
            if (bindLow) {
                added.add("NET_BIND_SERVICE");
            }
            capabilities.add("add", added);
        }
        capabilities.add("drop", Json.listOf("ALL"));
        return securityContext(input, capabilities, marks || bindLow ? 0 : USER, USER);
    }

    /// What every container of ours may do: nothing but what its capabilities say.
    static JsonObject securityContext(TemplateInput input, JsonObject capabilities, int user, int group) {
        return Json.of(
                "allowPrivilegeEscalation",
                false,
                "capabilities",
                capabilities,
                "privileged",
                false,
                "readOnlyRootFilesystem",
                true,
                "runAsNonRoot",
                user != 0,
                "runAsUser",
                user,
                "runAsGroup",
                group,
                "seccompProfile",
                seccomp(input));
    }

    private static JsonElement seccomp(TemplateInput input) {
        JsonElement chart = input.values().at("global.proxy.seccompProfile");
        return chart instanceof JsonObject profile && !profile.isEmpty()
                ? profile.deepCopy()
                : Json.of("type", "RuntimeDefault");
    }

    static JsonObject ready() {
        return Json.of("path", "/healthz/ready", "port", 15021);
    }

    static JsonObject readinessProbe(TemplateInput input) {
        return Json.of(
                "httpGet",
                ready(),
                "initialDelaySeconds",
                number(input.annotation(Names.READY_DELAY, "global.proxy.readinessInitialDelaySeconds", "0")),
                "periodSeconds",
                number(input.annotation(Names.READY_PERIOD, "global.proxy.readinessPeriodSeconds", "15")),
                "timeoutSeconds",
                3,
                "failureThreshold",
                number(input.annotation(Names.READY_FAILURES, "global.proxy.readinessFailureThreshold", "4")));
    }

    static int number(String text) {
        return Integer.parseInt(text);
    }

    static JsonObject exec(String... arguments) {
        var command = new JsonArray();
        command.add(PROGRAM);
        for (String argument : arguments) {
            command.add(argument);
        }
        return Json.of("exec", Json.of("command", command));
    }

    private static JsonArray mounts(TemplateInput input) {
        JsonArray mounts = Json.listOf(
                Json.of("name", "istiod-ca-cert", "mountPath", "/var/run/secrets/istio", "readOnly", true),
                Json.of("name", "istio-token", "mountPath", "/var/run/secrets/tokens", "readOnly", true),
                Json.of("name", "istio-podinfo", "mountPath", "/etc/istio/pod", "readOnly", true),
                Json.of("name", "istio-envoy", "mountPath", "/etc/istio/proxy"),
                Json.of("name", "istio-data", "mountPath", "/var/lib/istio/data"),
                Json.of("name", "istio-tmp", "mountPath", "/tmp"));
        named(input.annotations().get(Names.USER_VOLUME_MOUNT), mounts);
        return mounts;
    }

    static JsonArray volumes(TemplateInput input) {
        JsonArray volumes = Json.listOf(
                Json.of("name", "istio-envoy", "emptyDir", Json.of("medium", "Memory")),
                Json.of("name", "istio-data", "emptyDir", new JsonObject()),
                Json.of("name", "istio-tmp", "emptyDir", new JsonObject()),
                Json.of(
                        "name",
                        "istio-podinfo",
                        "downwardAPI",
                        Json.of("items", Json.listOf(downward("labels"), downward("annotations")))),
                Json.of(
                        "name",
                        "istio-token",
                        "projected",
                        Json.of(
                                "sources",
                                Json.listOf(Json.of(
                                        "serviceAccountToken",
                                        Json.of(
                                                "path",
                                                "istio-token",
                                                "expirationSeconds",
                                                43200,
                                                "audience",
                                                input.values().text("global.sds.token.aud", "istio-ca")))))),
                Json.of(
                        "name",
                        "istiod-ca-cert",
                        "configMap",
                        Json.of("name", input.values().text("global.trustBundleName", "istio-ca-root-cert"))));
        named(input.annotations().get(Names.USER_VOLUME), volumes);
        return volumes;
    }

    private static JsonObject downward(String name) {
        return Json.of("path", name, "fieldRef", Json.of("fieldPath", "metadata." + name));
    }

    // {"NAME": {...}} → items with that name. Its form was checked before.
    private static void named(@Nullable String annotation, JsonArray items) {
        if (annotation != null) {
            JsonParser.parseString(annotation).getAsJsonObject().entrySet().forEach(entry -> {
                JsonObject item = Json.of("name", entry.getKey());
                entry.getValue()
                        .getAsJsonObject()
                        .entrySet()
                        .forEach(field -> item.add(field.getKey(), field.getValue()));
                items.add(item);
            });
        }
    }

    /// Labels and annotations that every pod with a proxy has.
    static JsonObject metadata(TemplateInput input) {
        var labels = input.labels();
        String app = labels.getOrDefault("app.kubernetes.io/name", labels.getOrDefault("app", ""));
        String name = labels.getOrDefault(
                Names.CANONICAL_NAME, app.isEmpty() ? input.workload().name() : app);
        String version = labels.getOrDefault("app.kubernetes.io/version", labels.getOrDefault("version", "latest"));
        JsonObject ownLabels = Json.of(
                Names.CANONICAL_NAME,
                label(name).isEmpty() ? null : label(name),
                Names.CANONICAL_REVISION,
                labels.getOrDefault(Names.CANONICAL_REVISION, version));
        if (!input.settings().network().isEmpty()) {
            ownLabels.addProperty(Names.NETWORK, network(input));
        }
        JsonObject annotations = Json.of(Names.REVISION, input.settings().revision());
        if (!input.applications().isEmpty()) {
            for (String key : List.of(
                    "kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container")) {
                if (!input.annotations().containsKey(key)) {
                    annotations.addProperty(key, input.applications().getFirst());
                }
            }
        }
        return Json.of("labels", ownLabels, "annotations", annotations);
    }

    // A label's value has at most 63 characters and neither starts nor ends with punctuation.
    private static String label(String text) {
        String cut = text.length() > 63 ? text.substring(0, 63) : text;
        return cut.replaceAll("^[-_.]+|[-_.]+$", "");
    }

    static void podSettings(TemplateInput input, JsonObject spec) {
        if (input.values().at("global.imagePullSecrets") instanceof JsonArray secrets && !secrets.isEmpty()) {
            // Texts as in Istio's chart, or Kubernetes' own form.
            var names = new JsonArray();
            secrets.forEach(secret ->
                    names.add(secret instanceof JsonObject object ? object : Json.of("name", secret.getAsString())));
            spec.add("imagePullSecrets", names);
        }
        if (input.values().at("global.podDNSSearchNamespaces") instanceof JsonArray searches && !searches.isEmpty()) {
            spec.add("dnsConfig", Json.of("searches", searches.deepCopy()));
        }
    }
}
