package dev.mesh.cli.render;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;

/// The forms an answer can be printed in.
public enum Output {
    TABLE,
    JSON,
    YAML;

    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

    /// @throws IllegalStateException for [#TABLE], which only the command can draw
    public String text(JsonElement tree) {
        return switch (this) {
            case TABLE -> throw new IllegalStateException("a table is drawn by its command");
            case JSON -> GSON.toJson(tree) + "\n";
            case YAML ->
                new Dump(DumpSettings.builder()
                                .setDefaultFlowStyle(FlowStyle.BLOCK)
                                .build())
                        .dumpToString(plain(tree));
        };
    }

    /// The tree in plain Java values, in its order.
    public static @Nullable Object plain(JsonElement tree) {
        if (tree.isJsonObject()) {
            var map = new LinkedHashMap<String, @Nullable Object>();
            tree.getAsJsonObject().entrySet().forEach(entry -> map.put(entry.getKey(), plain(entry.getValue())));
            return map;
        }
        if (tree instanceof JsonArray array) {
            var list = new ArrayList<@Nullable Object>();
            array.forEach(element -> list.add(plain(element)));
            return list;
        }
        if (tree instanceof JsonPrimitive primitive) {
            if (primitive.isBoolean()) {
                return primitive.getAsBoolean();
            }
            if (primitive.isNumber()) {
                double number = primitive.getAsDouble();
                return number == Math.rint(number) && Math.abs(number) < 1e15 ? (Object) (long) number : number;
            }
            return primitive.getAsString();
        }
        return null;
    }
}
