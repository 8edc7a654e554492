package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;

/// The built-in template `sidecar`: a proxy beside the application, and what sends the traffic through it.
final class SidecarTemplate {
    private SidecarTemplate() {}

    static JsonObject of(TemplateInput input) {
        JsonObject proxy = ProxyContainer.of(input, "sidecar");
        proxy.add("securityContext", ProxyContainer.securityContext(input, input.tproxy()));
        JsonObject lifecycle = lifecycle(input);
        if (!lifecycle.isEmpty()) {
            proxy.add("lifecycle", lifecycle);
        }
        if (!input.statusPort().equals("0")) {
            if (input.values().flag("global.proxy.startupProbe.enabled", true)) {
                proxy.add("startupProbe", startupProbe(input));
            }
            proxy.add("readinessProbe", ProxyContainer.readinessProbe(input));
        }
        var first = new JsonArray();
        if (!input.interceptionMode().equals("NONE")) {
            first.add(interception(input));
        }
        var spec = new JsonObject();
        if (input.nativeSidecar()) {
            proxy.addProperty("restartPolicy", "Always");
            first.add(proxy);
        } else {
            spec.add("containers", Json.listOf(proxy));
        }
        if (!first.isEmpty()) {
            spec.add("initContainers", first);
        }
        spec.add("volumes", ProxyContainer.volumes(input));
        ProxyContainer.podSettings(input, spec);
        return Json.of("metadata", ProxyContainer.metadata(input), "spec", spec);
    }

    private static JsonObject lifecycle(TemplateInput input) {
        JsonElement chart = input.values().at("global.proxy.lifecycle");
        if (chart instanceof JsonObject lifecycle && !lifecycle.isEmpty()) {
            return lifecycle.deepCopy();
        }
        if (input.nativeSidecar()) {
            // Said when the pod begins to stop; SIGTERM follows when the application has ended.
            return Json.of("preStop", ProxyContainer.exec("drain"));
        }
        return input.holdsApplication() ? Json.of("postStart", ProxyContainer.exec("wait")) : new JsonObject();
    }

    private static JsonObject startupProbe(TemplateInput input) {
        return Json.of(
                "httpGet",
                ProxyContainer.ready(),
                "initialDelaySeconds",
                0,
                "periodSeconds",
                1,
                "timeoutSeconds",
                3,
                "failureThreshold",
                ProxyContainer.number(input.values().text("global.proxy.startupProbe.failureThreshold", "600")));
    }

    /// Sets up interception, or, where the node does that, looks whether it has been done.
    private static JsonObject interception(TemplateInput input) {
        boolean check = input.nodeAgent();
        JsonObject container = Json.of("name", check ? Names.VALIDATION : Names.INIT, "image", input.proxyImage());
        String pull = input.values().text("global.imagePullPolicy", "");
        if (!pull.isEmpty()) {
            container.addProperty("imagePullPolicy", pull);
        }
        container.add("args", arguments(input, check));
        var env = new JsonArray();
        // iptables' lock, on the only file system that can be written.
        ProxyContainer.add(env, "XTABLES_LOCKFILE", "/tmp/xtables.lock");
        ProxyConfigs.metadata(input.proxyConfig()).forEach((name, value) -> ProxyContainer.add(env, name, value));
        container.add("env", env);
        container.add("resources", ProxyContainer.resources(input));
        JsonObject capabilities = check
                ? Json.of("drop", Json.listOf("ALL"))
                : Json.of("add", Json.listOf("NET_ADMIN", "NET_RAW"), "drop", Json.listOf("ALL"));
        int user = check ? ProxyContainer.USER : 0;
        container.add("securityContext", ProxyContainer.securityContext(input, capabilities, user, user));
        container.add("volumeMounts", Json.listOf(Json.of("name", "istio-tmp", "mountPath", "/tmp")));
        return container;
    }

    private static JsonArray arguments(TemplateInput input, boolean check) {
        String excluded = AddressLists.with(
                input.statusPort(), input.annotation(Names.EXCLUDE_IN_PORTS, "global.proxy.excludeInboundPorts", ""));
        JsonArray arguments = Json.listOf(
                "iptables",
                "-p",
                "15001",
                "-z",
                "15006",
                "-u",
                "1337",
                "-g",
                "1337",
                "-m",
                input.interceptionMode(),
                "-i",
                input.annotation(Names.INCLUDE_OUT_RANGES, "global.proxy.includeIPRanges", "*"),
                "-x",
                input.annotation(Names.EXCLUDE_OUT_RANGES, "global.proxy.excludeIPRanges", ""),
                "-b",
                input.annotation(Names.INCLUDE_IN_PORTS, "global.proxy.includeInboundPorts", "*"),
                "-d",
                excluded.isEmpty() ? "15090,15021" : "15090,15021," + excluded);
        option(arguments, "-q", input.annotation(Names.INCLUDE_OUT_PORTS, "global.proxy.includeOutboundPorts", ""));
        option(arguments, "-o", input.annotation(Names.EXCLUDE_OUT_PORTS, "global.proxy.excludeOutboundPorts", ""));
        var annotations = input.annotations();
        option(
                arguments,
                "-k",
                annotations.getOrDefault(
                        Names.REROUTE_INTERFACES, annotations.getOrDefault(Names.KUBEVIRT_INTERFACES, "")));
        option(arguments, "-c", annotations.getOrDefault(Names.EXCLUDE_INTERFACES, ""));
        if (input.values().flag("global.nativeNftables", false)) {
            arguments.add("--native-nftables");
        }
        if (check) {
            arguments.add("--run-validation");
            arguments.add("--skip-rule-apply");
        }
        return arguments;
    }

    private static void option(JsonArray arguments, String name, String value) {
        if (!value.isEmpty()) {
            arguments.add(name);
            arguments.add(value);
        }
    }
}
