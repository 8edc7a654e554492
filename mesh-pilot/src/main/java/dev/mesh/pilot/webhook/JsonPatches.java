package dev.mesh.pilot.webhook;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.gson.JsonObject;
import io.fabric8.zjsonpatch.DiffFlags;
import io.fabric8.zjsonpatch.JsonDiff;
import java.util.EnumSet;

/// What turns one tree into another, as JSON patch (RFC 6902).
final class JsonPatches {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private JsonPatches() {}

    /// @return `[]` if they are equal
    static String of(JsonObject from, JsonObject to) {
        try {
            JsonNode before = MAPPER.readTree(from.toString());
            JsonNode after = MAPPER.readTree(to.toString());
            EnumSet<DiffFlags> plain = DiffFlags.dontNormalizeOpIntoMoveAndCopy();
            return MAPPER.writeValueAsString(JsonDiff.asJson(before, after, plain));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("both are trees of JSON", e);
        }
    }
}
