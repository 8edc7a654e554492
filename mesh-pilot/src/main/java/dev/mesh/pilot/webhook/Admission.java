package dev.mesh.pilot.webhook;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import dev.mesh.api.finding.Finding;
import dev.mesh.pilot.inject.Json;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// `admission.k8s.io` AdmissionReview, v1 and v1beta1, which differ in their names alone.
final class Admission {
    private static final Set<String> VERSIONS = Set.of("admission.k8s.io/v1", "admission.k8s.io/v1beta1");
    // What Kubernetes shows of them is bounded too.
    private static final int MOST_WARNINGS = 20;

    private Admission() {}

    /// The API server's question.
    ///
    /// @param operation `CREATE`, `UPDATE`, `DELETE` or `CONNECT`
    /// @param kind of the object, such as `Pod`
    /// @param namespace empty for cluster-scoped kinds
    /// @param object empty when it is to be deleted
    record Request(
            String apiVersion,
            String uid,
            String operation,
            String kind,
            String subResource,
            String namespace,
            String user,
            boolean dryRun,
            JsonObject object) {}

    /// The answer.
    sealed interface Response {
        List<String> warnings();

        /// @param patch JSON patch; empty for none
        record Allowed(String patch, List<String> warnings) implements Response {}

        record Denied(String message, List<String> warnings) implements Response {}

        Response UNCHANGED = new Allowed("", List.of());
    }

    /// @throws IllegalArgumentException with a sentence
    static Request read(byte[] body) {
        JsonElement parsed = parse(new String(body, StandardCharsets.UTF_8));
        if (!(parsed instanceof JsonObject review)) {
            throw new IllegalArgumentException("the body is no JSON object (expected: an AdmissionReview)");
        }
        String apiVersion = Json.text(review, "apiVersion");
        if (!VERSIONS.contains(apiVersion) || !Json.text(review, "kind").equals("AdmissionReview")) {
            throw new IllegalArgumentException("apiVersion \"" + apiVersion + "\", kind \"" + Json.text(review, "kind")
                    + "\" (expected: AdmissionReview of admission.k8s.io/v1 or v1beta1)");
        }
        JsonObject request = Json.object(review, "request");
        String uid = Json.text(request, "uid");
        if (uid.isEmpty()) {
            throw new IllegalArgumentException("request.uid: missing");
        }
        return new Request(
                apiVersion,
                uid,
                Json.text(request, "operation"),
                Json.text(request, "kind", "kind"),
                Json.text(request, "subResource"),
                Json.text(request, "namespace"),
                Json.text(request, "userInfo", "username"),
                Json.text(request, "dryRun").equals("true"),
                Json.object(request, "object"));
    }

    private static JsonElement parse(String text) {
        var reader = new JsonReader(new StringReader(text));
        reader.setStrictness(Strictness.STRICT);
        try {
            JsonElement parsed = STRICT.read(reader);
            if (reader.peek() != com.google.gson.stream.JsonToken.END_DOCUMENT) {
                throw new IllegalArgumentException("more follows after the AdmissionReview");
            }
            return parsed;
        } catch (IOException | JsonParseException | IllegalStateException | NumberFormatException e) {
            throw new IllegalArgumentException(
                    "the body is no JSON: "
                            + String.valueOf(e.getMessage()).lines().findFirst().orElse(""),
                    e);
        } catch (StackOverflowError e) {
            throw new IllegalArgumentException("the body is nested too deep", e);
        }
    }

    // Gson's own adapter of trees, without the leniency of JsonParser.
    private static final TypeAdapter<JsonElement> STRICT = new com.google.gson.Gson().getAdapter(JsonElement.class);

    static byte[] write(Request request, Response response) {
        var answer = new JsonObject();
        answer.addProperty("uid", request.uid());
        switch (response) {
            case Response.Allowed allowed -> {
                answer.addProperty("allowed", true);
                if (!allowed.patch().isEmpty()) {
                    answer.addProperty("patchType", "JSONPatch");
                    answer.addProperty(
                            "patch",
                            Base64.getEncoder().encodeToString(allowed.patch().getBytes(StandardCharsets.UTF_8)));
                }
            }
            case Response.Denied denied -> {
                answer.addProperty("allowed", false);
                var status = new JsonObject();
                status.addProperty("code", 400);
                status.addProperty("reason", "BadRequest");
                status.addProperty("message", denied.message());
                answer.add("status", status);
            }
        }
        if (!response.warnings().isEmpty()) {
            var warnings = new JsonArray();
            response.warnings().stream().limit(MOST_WARNINGS).forEach(warnings::add);
            answer.add("warnings", warnings);
        }
        var review = new JsonObject();
        review.addProperty("apiVersion", request.apiVersion());
        review.addProperty("kind", "AdmissionReview");
        review.add("response", answer);
        return review.toString().getBytes(StandardCharsets.UTF_8);
    }

    /// `path: message` of each remark that is no error.
    static List<String> warnings(List<Finding> findings) {
        return findings.stream()
                .filter(finding -> finding.severity() == Finding.Severity.WARNING)
                .map(Admission::line)
                .distinct()
                .toList();
    }

    /// All errors in one text.
    static String errors(List<Finding> findings) {
        return findings.stream()
                .filter(finding -> finding.severity() == Finding.Severity.ERROR)
                .map(Admission::line)
                .distinct()
                .collect(Collectors.joining("; "));
    }

    private static String line(Finding finding) {
        return finding.path().isEmpty() ? finding.message() : finding.path() + ": " + finding.message();
    }
}
