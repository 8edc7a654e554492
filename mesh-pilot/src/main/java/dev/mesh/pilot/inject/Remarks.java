package dev.mesh.pilot.inject;

import com.google.gson.JsonObject;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;

/// Findings on a pod.
final class Remarks {
    private Remarks() {}

    static Finding warning(JsonObject pod, String namespace, String path, String message) {
        return of(Finding.Code.LIKELY_MISTAKE, pod, namespace, path, message);
    }

    static Finding notHonoured(JsonObject pod, String namespace, String path, String message) {
        return of(Finding.Code.NOT_HONOURED, pod, namespace, path, message);
    }

    static Finding error(JsonObject pod, String namespace, String path, String message) {
        return of(Finding.Code.INVALID_VALUE, pod, namespace, path, message);
    }

    static Finding of(Finding.Code code, JsonObject pod, String namespace, String path, String message) {
        String name = Json.text(pod, "metadata", "name");
        String generated = Json.text(pod, "metadata", "generateName");
        // As a person sees it: a pod of a Deployment has no name of its own yet.
        return new Finding(
                code,
                new ResourceRef("", "Pod", namespace, name.isEmpty() && !generated.isEmpty() ? generated + "*" : name),
                path,
                message,
                null);
    }
}
