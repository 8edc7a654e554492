package dev.mesh.pilot.webhook;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.read.ReadResult;
import dev.mesh.pilot.inject.Json;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// `/validate`: refuses objects of the mesh that are wrong, with field path and expectation; warns of what is legal but
/// surely not meant, and of fields that are not known (Istio takes those too: a newer API may have them).
final class ValidateEndpoint {
    /// On an object: it is refused, whatever is in it. How the pilot sees that the API server reaches it.
    static final String ALWAYS_REJECT = "mesh.dev/always-reject";

    private static final Set<Finding.Code> NO_REASON =
            Set.of(Finding.Code.UNKNOWN_FIELD, Finding.Code.UNKNOWN_KIND, Finding.Code.DUPLICATE_OBJECT);
    private static final Pattern STEP = Pattern.compile("\\.?([^.\\[\\]]+)|\\[(\\d+)]|\\[\"([^\"]*)\"]");

    /// What something else is wanted for, which may have been created a moment before.
    private static final Set<Finding.Code> MISSING = Set.of(
            Finding.Code.HOST_NOT_FOUND,
            Finding.Code.SECRET_NOT_FOUND,
            Finding.Code.GATEWAY_NOT_FOUND,
            Finding.Code.SUBSET_NOT_DEFINED);

    private static final List<Duration> LOOKS_AGAIN_AFTER = List.of(Duration.ofMillis(150), Duration.ofMillis(350));

    private final Function<MeshObject, List<Finding>> across;

    /// @param across what an object would be said of as it stands beside the others; may be asked on many threads
    ValidateEndpoint(Function<MeshObject, List<Finding>> across) {
        this.across = across;
    }

    Admission.Response answer(Admission.Request request) {
        if (!request.operation().equals("CREATE") && !request.operation().equals("UPDATE")) {
            return Admission.Response.UNCHANGED;
        }
        JsonObject object = named(request);
        if (Json.text(object, "metadata", "annotations", ALWAYS_REJECT).equals("true")) {
            return new Admission.Response.Denied("it has the annotation " + ALWAYS_REJECT, List.of());
        }
        ReadResult read = ObjectReader.read("request", object.toString());
        var findings = new ArrayList<>(read.findings());
        List<Finding> unknown = findings.stream()
                .filter(finding -> finding.code() == Finding.Code.UNKNOWN_FIELD)
                .toList();
        if (!unknown.isEmpty()) {
            // Without them, the rest is judged.
            unknown.forEach(finding -> remove(object, finding.path()));
            read = ObjectReader.read("request", object.toString());
            findings.clear();
            findings.addAll(unknown);
            findings.addAll(read.findings());
        }
        read.objects().forEach(kept -> findings.addAll(beside(kept)));
        var errors = new ArrayList<Finding>();
        var warnings = new ArrayList<Finding>();
        for (Finding finding : findings) {
            boolean ownError = finding.severity() == Finding.Severity.ERROR && !NO_REASON.contains(finding.code());
            if (ownError && !isAcross(finding, read)) {
                errors.add(finding);
            } else {
                warnings.add(finding);
            }
        }
        List<String> remarks = warnings.stream()
                .filter(finding -> finding.severity() != Finding.Severity.INFO)
                .map(finding ->
                        finding.path().isEmpty() ? finding.message() : finding.path() + ": " + finding.message())
                .distinct()
                .toList();
        return errors.isEmpty()
                ? new Admission.Response.Allowed("", remarks)
                : new Admission.Response.Denied(request.kind() + " is invalid: " + Admission.errors(errors), remarks);
    }

    // Who applies several objects at once may be told of one before the pilot has heard of the one before it.
    private List<Finding> beside(MeshObject object) {
        List<Finding> said = across.apply(object);
        for (Duration pause : LOOKS_AGAIN_AFTER) {
            if (said.stream().noneMatch(finding -> MISSING.contains(finding.code()))) {
                break;
            }
            LockSupport.parkNanos(pause.toNanos());
            said = across.apply(object);
        }
        return said;
    }

    // What is wrong only beside other objects may be mended there next: the author is told, not stopped.
    private static boolean isAcross(Finding finding, ReadResult read) {
        return !read.findings().contains(finding);
    }

    // An object that gets its name later is read under one that it might get; one without namespace is of the
    // request's.
    private static JsonObject named(Admission.Request request) {
        JsonObject object = request.object().deepCopy();
        JsonObject metadata = Json.object(object, "metadata");
        if (Json.text(metadata, "name").isEmpty()
                && !Json.text(metadata, "generateName").isEmpty()) {
            metadata.addProperty("name", Json.text(metadata, "generateName") + "0");
        }
        if (Json.text(metadata, "namespace").isEmpty() && !request.namespace().isEmpty()) {
            metadata.addProperty("namespace", request.namespace());
        }
        return object;
    }

    private static void remove(JsonObject root, String path) {
        JsonElement here = root;
        JsonElement parent = root;
        String last = "";
        Matcher step = STEP.matcher(path);
        while (step.find()) {
            parent = here;
            last = step.group(1) != null ? step.group(1) : step.group(3) != null ? step.group(3) : step.group(2);
            here = child(here, last);
            if (here == null) {
                return;
            }
        }
        if (parent instanceof JsonObject object) {
            object.remove(last);
        }
    }

    private static @Nullable JsonElement child(JsonElement parent, String name) {
        return switch (parent) {
            case JsonObject object -> object.get(name);
            case JsonArray array
            when name.matches("\\d{1,6}") && Integer.parseInt(name) < array.size() -> array.get(Integer.parseInt(name));
            default -> null;
        };
    }
}
