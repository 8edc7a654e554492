package dev.mesh.pilot.inject;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;

/// The built-in template `gateway`: the pod is nothing but a proxy, and no traffic is intercepted.
final class GatewayTemplate {
    private GatewayTemplate() {}

    static JsonObject of(TemplateInput input) {
        JsonObject proxy = ProxyContainer.of(input, "router");
        proxy.add("securityContext", ProxyContainer.securityContext(input, false));
        JsonElement lifecycle = input.values().at("global.proxy.lifecycle");
        if (lifecycle instanceof JsonObject chart && !chart.isEmpty()) {
            proxy.add("lifecycle", chart.deepCopy());
        }
        proxy.add("readinessProbe", ProxyContainer.readinessProbe(input));
        var spec = new JsonObject();
        if (Json.at(input.pod(), "spec", "securityContext", "sysctls") == null) {
            JsonElement chart = input.values().at("gateways.securityContext");
            spec.add(
                    "securityContext",
                    chart instanceof JsonObject own && !own.isEmpty()
                            ? own.deepCopy()
                            : Json.of(
                                    "sysctls",
                                    Json.listOf(Json.of("name", "net.ipv4.ip_unprivileged_port_start", "value", "0"))));
        }
        spec.add("containers", Json.listOf(proxy));
        spec.add("volumes", ProxyContainer.volumes(input));
        ProxyContainer.podSettings(input, spec);
        return Json.of("metadata", ProxyContainer.metadata(input), "spec", spec);
    }
}
