package dev.mesh.proxy.node;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Pods of this node that came up before the agent, so that their validation container finds no rules: as the repair
/// controller of Istio's CNI, they are deleted, so that their controller makes them anew, or get a label. One thread.
final class Repair {
    private static final Logger LOGGER = LoggerFactory.getLogger(Repair.class);

    /// Of the validation container: traffic is not captured.
    private static final int NOT_VALID = 126;

    /// What is done with such pods.
    enum Action {
        NONE,
        LABEL,
        DELETE
    }

    private final KubeApi api;
    private final String node;
    private final Set<String> excluded;
    private final Action action;
    private final String labelName;
    private final String labelValue;
    private final InstantSource clock;
    // Of whom has been told already, by uid.
    private final Set<String> known = new HashSet<>();

    Repair(KubeApi api, NodeSettings settings, InstantSource clock) {
        this.api = api;
        node = settings.node();
        excluded = settings.excludedNamespaces();
        action = settings.repair();
        labelName = settings.labelName();
        labelValue = settings.labelValue();
        this.clock = clock;
    }

    /// Whether a pod's validation has found no rules, and nothing has come of it since. Pure.
    static boolean isBroken(JsonObject pod) {
        if (!Json.map(pod, "metadata", "annotations").containsKey(PodRules.STATUS)
                || Json.at(pod, "metadata", "deletionTimestamp") != null) {
            return false;
        }
        JsonObject container = Json.named(Json.objects(pod, "status", "initContainerStatuses"), PodRules.VALIDATION);
        if (container == null) {
            return false;
        }
        String now = Json.text(container, "state", "terminated", "exitCode");
        String before = Json.text(container, "lastState", "terminated", "exitCode");
        String invalid = Integer.toString(NOT_VALID);
        // One that has succeeded is never broken, whatever was before.
        return now.equals(invalid) || now.isEmpty() && before.equals(invalid);
    }

    /// Looks once.
    ///
    /// @throws IOException with a sentence, if the pods cannot be listed
    void look() throws IOException {
        if (action == Action.NONE) {
            return;
        }
        // Injected pods have this label. Version 0: what the API server has in its cache will do.
        JsonObject pods = api.get("/api/v1/pods?resourceVersion=0&labelSelector="
                + encode("service.istio.io/canonical-name") + "&fieldSelector=" + encode("spec.nodeName=" + node));
        var seen = new HashSet<String>();
        for (JsonObject pod : Json.objects(pods, "items")) {
            if (isBroken(pod)) {
                String uid = Json.text(pod, "metadata", "uid");
                seen.add(uid);
                if (!known.contains(uid) && repair(pod)) {
                    known.add(uid);
                }
            }
        }
        known.retainAll(seen);
    }

    /// @return whether that is done with
    private boolean repair(JsonObject pod) {
        String name = Json.text(pod, "metadata", "namespace") + "/" + Json.text(pod, "metadata", "name");
        String why = "came up without the rules that bring its traffic to its proxy";
        try {
            // Another of it would come up in the same way.
            if (PodRules.of(pod, excluded, List.of()) instanceof PodRules.Decision.Leave(String reason)) {
                say(pod, "BrokenPod", "pod " + why + ", and the node agent lays none: " + reason);
            } else if (action == Action.LABEL) {
                label(pod);
                say(pod, "LabelBrokenPod", "pod " + why + ": labelled " + labelName + "=" + labelValue);
            } else if (Json.objects(pod, "metadata", "ownerReferences").stream()
                    .anyMatch(owner -> Json.text(owner, "controller").equals("true"))) {
                delete(pod);
                say(pod, "DeleteBrokenPod", "pod " + why + ": deleted, so that its controller makes it anew");
            } else {
                say(pod, "BrokenPod", "pod " + why + ", and nobody would make it anew: delete it and create it again");
            }
            LOGGER.atWarn()
                    .addKeyValue("pod", name)
                    .addKeyValue("action", action)
                    .log("pod {}", why);
            return true;
        } catch (IOException e) {
            LOGGER.atWarn().addKeyValue("pod", name).log("pod {}, and that cannot be mended: {}", why, e.getMessage());
            return false;
        }
    }

    private static String path(JsonObject pod) {
        return "/api/v1/namespaces/" + Json.text(pod, "metadata", "namespace") + "/pods/"
                + Json.text(pod, "metadata", "name");
    }

    private void label(JsonObject listed) throws IOException {
        JsonObject pod = api.get(path(listed));
        if (!isBroken(pod)) {
            return;
        }
        JsonObject metadata = pod.getAsJsonObject("metadata");
        if (!(metadata.get("labels") instanceof JsonObject)) {
            metadata.add("labels", new JsonObject());
        }
        metadata.getAsJsonObject("labels").addProperty(labelName, labelValue);
        // The status may be written with less of a right than the pod, and the label comes with it.
        api.put(path(pod) + "/status", pod);
    }

    // The very pod that was looked at.
    private void delete(JsonObject pod) throws IOException {
        var preconditions = new JsonObject();
        preconditions.addProperty("uid", Json.text(pod, "metadata", "uid"));
        preconditions.addProperty("resourceVersion", Json.text(pod, "metadata", "resourceVersion"));
        var options = new JsonObject();
        options.addProperty("apiVersion", "v1");
        options.addProperty("kind", "DeleteOptions");
        options.add("preconditions", preconditions);
        api.delete(path(pod), options);
    }

    private void say(JsonObject pod, String reason, String message) throws IOException {
        String namespace = Json.text(pod, "metadata", "namespace");
        String name = Json.text(pod, "metadata", "name");
        var metadata = new JsonObject();
        metadata.addProperty("generateName", name + ".");
        metadata.addProperty("namespace", namespace);
        var about = new JsonObject();
        about.addProperty("apiVersion", "v1");
        about.addProperty("kind", "Pod");
        about.addProperty("namespace", namespace);
        about.addProperty("name", name);
        about.addProperty("uid", Json.text(pod, "metadata", "uid"));
        var source = new JsonObject();
        source.addProperty("component", "mesh-node-agent");
        source.addProperty("host", node);
        String now = clock.instant().truncatedTo(ChronoUnit.SECONDS).toString();
        var event = new JsonObject();
        event.addProperty("apiVersion", "v1");
        event.addProperty("kind", "Event");
        event.add("metadata", metadata);
        event.add("involvedObject", about);
        event.add("source", source);
        event.addProperty("type", "Warning");
        event.addProperty("reason", reason);
        event.addProperty("message", message);
        event.addProperty("firstTimestamp", now);
        event.addProperty("lastTimestamp", now);
        event.addProperty("count", 1);
        api.post("/api/v1/namespaces/" + namespace + "/events", event);
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
