package dev.mesh.proxy.boot;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.api.read.JsonTree;
import dev.mesh.proxy.filter.ConfigRejected;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Node;

/// Reads an Envoy bootstrap file, YAML or JSON.
public final class BootstrapReader {
    private static final int DEEPEST = 100;

    private BootstrapReader() {}

    /// @throws ConfigRejected with everything that is wrong with it, each with its place
    static BootstrapFile read(Path file) throws ConfigRejected {
        try {
            return read(file.toString(), Files.readString(file));
        } catch (NoSuchFileException e) {
            throw new ConfigRejected(file + ": no such file");
        } catch (AccessDeniedException e) {
            throw new ConfigRejected(file + ": cannot be read: permission denied");
        } catch (CharacterCodingException e) {
            throw new ConfigRejected(file + ": is no UTF-8 (expected: an Envoy bootstrap, YAML or JSON)");
        } catch (IOException e) {
            throw new ConfigRejected(file + ": cannot be read (" + e.getMessage() + ")");
        }
    }

    /// @param name of the source, for messages
    public static Bootstrap parse(String name, String text) throws ConfigRejected {
        return read(name, text).bootstrap();
    }

    /// @param name of the source, for messages
    static BootstrapFile read(String name, String text) throws ConfigRejected {
        LoadSettings settings = LoadSettings.builder()
                .setLabel(name)
                .setUseMarks(true)
                .setMaxAliasesForCollections(100)
                .build();
        JsonElement tree;
        Node root;
        try {
            checkDepth(name, text, settings);
            tree = JsonTree.parse(text);
            root = new Compose(settings).composeString(text).orElse(null);
        } catch (MarkedYamlEngineException e) {
            String place = e.getProblemMark()
                    .map(mark -> ":" + (mark.getLine() + 1) + ":" + (mark.getColumn() + 1))
                    .orElse("");
            throw new ConfigRejected(name + place + ": not YAML: " + e.getProblem());
        } catch (IllegalArgumentException e) {
            throw new ConfigRejected(place(name, String.valueOf(e.getMessage())));
        } catch (YamlEngineException e) {
            throw new ConfigRejected(
                    name + ": not YAML: " + String.valueOf(e.getMessage()).replaceAll("\\s+", " "));
        }
        if (tree.isJsonNull() || root == null) {
            throw new ConfigRejected(name + ": empty (expected: an Envoy bootstrap)");
        }
        if (tree instanceof JsonObject object && object.has("configs")) {
            throw new ConfigRejected(
                    name + ": a configuration dump (expected: an Envoy bootstrap; meshctl reads dumps)");
        }
        if (tree instanceof JsonObject object && object.has("apiVersion")) {
            throw new ConfigRejected(
                    name + ": a Kubernetes object (expected: an Envoy bootstrap; mesh-pilot --folder reads objects)");
        }
        var check = new BootstrapCheck(name);
        check.message(Bootstrap.getDescriptor(), root, "");
        if (!check.problems().isEmpty()) {
            throw new ConfigRejected(check.problems());
        }
        // By descriptors alone, then once over the wire: a generated builder would be filled by reflection, and the
        // lookup
        // of all the accessors of its classes takes longer than all else here.
        var builder = DynamicMessage.newBuilder(Bootstrap.getDescriptor());
        Bootstrap bootstrap;
        try {
            JsonFormat.parser().usingTypeRegistry(EnvoyTypes.REGISTRY).merge(tree.toString(), builder);
            bootstrap = Bootstrap.parseFrom(builder.build().toByteString());
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected(name + ": " + e.getMessage());
        }
        return new BootstrapFile(bootstrap, check.places());
    }

    // `line:column: what` has the place before what is said of it.
    private static String place(String name, String message) {
        return message.matches("(?s)\\d+:\\d+: .*")
                ? name + ":" + message.replaceFirst("^(\\d+:\\d+): ", "$1: not YAML: ")
                : name + ": not YAML: " + message;
    }

    // Before anything that recurses sees it.
    private static void checkDepth(String name, String text, LoadSettings settings) throws ConfigRejected {
        int depth = 0;
        for (Event event : new Parse(settings).parseString(text)) {
            switch (event.getEventId()) {
                case MappingStart, SequenceStart -> depth++;
                case MappingEnd, SequenceEnd -> depth--;
                default -> {}
            }
            if (depth > DEEPEST) {
                throw new ConfigRejected(name + ": nested deeper than " + DEEPEST + " levels");
            }
        }
    }
}
