package dev.mesh.pilot.inject;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Map;

/// What a template is made from; the names are those of Istio's `SidecarTemplateData`.
///
/// @param pod as its author wrote it: without what an earlier injection added
/// @param proxyConfig of this pod
/// @param nativeSidecar whether the proxy becomes an init container that keeps running
record TemplateInput(
        JsonObject pod,
        String namespace,
        Workload workload,
        JsonObject proxyConfig,
        boolean nativeSidecar,
        InjectionSettings settings) {

    Map<String, String> annotations() {
        return Json.strings(pod, "metadata", "annotations");
    }

    Map<String, String> labels() {
        return Json.strings(pod, "metadata", "labels");
    }

    /// The annotation, or else the chart's value, or else the default.
    String annotation(String name, String valuePath, String otherwise) {
        String own = annotations().get(name);
        return own != null ? own : values().text(valuePath, otherwise);
    }

    Values values() {
        return settings.chart();
    }

    /// `REDIRECT`, `TPROXY` or `NONE`.
    String interceptionMode() {
        String mode = annotations().getOrDefault(Names.INTERCEPTION, Json.text(proxyConfig, "interceptionMode"));
        return mode.isEmpty() ? "REDIRECT" : mode;
    }

    boolean tproxy() {
        return interceptionMode().equals("TPROXY");
    }

    /// The port of the proxy's own HTTP endpoint for probes and merged metrics; `0` for none.
    String statusPort() {
        String own = annotations().getOrDefault(Names.STATUS_PORT, Json.text(proxyConfig, "statusPort"));
        return own.isEmpty() ? values().text("global.proxy.statusPort", "15020") : own;
    }

    boolean holdsApplication() {
        return Json.flag(proxyConfig, "holdApplicationUntilProxyStarts")
                || values().flag("global.proxy.holdApplicationUntilProxyStarts", false);
    }

    /// Whether interception is set up by the node, not by the pod.
    boolean nodeAgent() {
        return values().flag("pilot.cni.enabled", false) || values().flag("global.nodeAgent.enabled", false);
    }

    String proxyImage() {
        String own = annotations().get(Names.PROXY_IMAGE);
        String image = own != null ? own : values().text("global.proxy.image", "proxy");
        if (own != null || image.contains("/")) {
            return image;
        }
        return values().text("global.hub", "docker.io/mesh") + "/" + image + ":" + values().text("global.tag", "dev");
    }

    String trustDomain() {
        String domain = Json.text(settings.mesh(), "trustDomain");
        return domain.isEmpty() ? values().text("global.trustDomain", "cluster.local") : domain;
    }

    List<JsonObject> containers() {
        return Json.objects(pod, "spec", "containers");
    }

    /// Names of the application's containers.
    List<String> applications() {
        return containers().stream()
                .map(container -> Json.text(container, "name"))
                .filter(name -> !name.equals(Names.PROXY))
                .toList();
    }
}
