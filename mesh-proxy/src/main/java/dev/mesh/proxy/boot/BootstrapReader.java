package dev.mesh.proxy.boot;

import com.google.gson.Gson;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.proxy.filter.ConfigRejected;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/// Reads an Envoy bootstrap file, YAML or JSON.
public final class BootstrapReader {
    private BootstrapReader() {}

    /// @throws ConfigRejected with the file, and what is wrong with it
    public static Bootstrap read(Path file) throws ConfigRejected {
        try {
            return parse(file.toString(), Files.readString(file));
        } catch (IOException e) {
            throw new ConfigRejected(file + ": cannot be read (" + e + ")");
        }
    }

    /// @param name of the source, for messages
    public static Bootstrap parse(String name, String text) throws ConfigRejected {
        Object tree;
        try {
            tree = new Load(LoadSettings.builder()
                            .setLabel(name)
                            .setMaxAliasesForCollections(100)
                            .build())
                    .loadFromString(text);
        } catch (YamlEngineException e) {
            throw new ConfigRejected(
                    name + ": not YAML: " + String.valueOf(e.getMessage()).replace('\n', ' '));
        }
        if (tree == null) {
            throw new ConfigRejected(name + ": empty (expected: an Envoy bootstrap)");
        }
        var builder = Bootstrap.newBuilder();
        try {
            JsonFormat.parser().usingTypeRegistry(EnvoyTypes.REGISTRY).merge(new Gson().toJson(tree), builder);
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected(name + ": " + e.getMessage());
        }
        return builder.build();
    }
}
