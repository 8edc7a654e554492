package dev.mesh.pilot.inject;

import com.google.gson.JsonObject;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.read.JsonTree;
import dev.mesh.api.read.ObjectReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// One folder: `pod.yaml` is what is sent, `namespace.yaml` where to (default: `shop`, without labels), `settings.yaml`
/// the injector's `config`, `values`, `mesh` and what it knows of the cluster, `objects.yaml` the ProxyConfigs.
/// `patched.yaml` is what comes out, and
/// `remarks.txt` what is said.
public record InjectionCase(Path folder) {
    private static final Path ROOT = Path.of("src/test/resources/inject");

    public static Stream<InjectionCase> all() {
        try (var found = Files.list(ROOT)) {
            return found.filter(Files::isDirectory).sorted().map(InjectionCase::new).toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return folder.getFileName().toString();
    }

    public JsonObject pod() {
        return JsonTree.parse(read("pod.yaml")).getAsJsonObject();
    }

    private JsonObject namespace() {
        String text = read("namespace.yaml");
        return text.isEmpty()
                ? Json.of("metadata", Json.of("name", "shop"))
                : JsonTree.parse(text).getAsJsonObject();
    }

    public String namespaceName() {
        return Json.text(namespace(), "metadata", "name");
    }

    Map<String, String> namespaceLabels() {
        return Json.strings(namespace(), "metadata", "labels");
    }

    InjectionSettings settings() {
        String text = read("settings.yaml");
        JsonObject all =
                text.isEmpty() ? new JsonObject() : JsonTree.parse(text).getAsJsonObject();
        return InjectionSettings.read(
                        Json.compact(Json.object(all, "config")),
                        Json.compact(Json.object(all, "values")),
                        Json.compact(Json.object(all, "mesh")),
                        Json.text(all, "revision"),
                        "")
                .withObjects(
                        ObjectReader.read("objects.yaml", read("objects.yaml")).objects())
                .withNativeSidecars(
                        Json.text(all, "nativeSidecars").equals("false") ? NativeSidecars.NONE : NativeSidecars.USUAL)
                .withCluster(Json.text(all, "cluster"), Json.text(all, "network"));
    }

    public Injection inject(JsonObject pod) {
        return PodInjector.inject(pod, namespaceName(), namespaceLabels(), settings());
    }

    static String patched(Injection injection) {
        return injection instanceof Injection.Injected done ? Yaml.print(done.pod()) : "";
    }

    static String remarks(Injection injection) {
        return switch (injection) {
            case Injection.Injected done -> lines(done.warnings());
            case Injection.Skipped skipped -> "skipped: " + skipped.reason() + "\n" + lines(skipped.warnings());
            case Injection.Refused refused -> "refused\n" + lines(refused.findings());
        };
    }

    private static String lines(List<Finding> findings) {
        return findings.stream().map(finding -> finding + "\n").collect(java.util.stream.Collectors.joining());
    }

    /// Empty if there is no such file.
    String read(String file) {
        try {
            Path path = folder.resolve(file);
            return Files.exists(path) ? Files.readString(path) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void rewrite(String file, String text) {
        try {
            if (text.isEmpty()) {
                Files.deleteIfExists(folder.resolve(file));
            } else {
                Files.writeString(folder.resolve(file), text);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
