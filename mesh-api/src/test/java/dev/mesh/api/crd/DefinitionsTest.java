package dev.mesh.api.crd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/// The chart's `CustomResourceDefinition`s are those of the records (`make generate` writes them), and accept and keep
/// whatever Istio's accept.
class DefinitionsTest {
    private static final Path SOURCES = Path.of("src/main/java");
    private static final Path CHART = Path.of("../charts/mesh-base/files/crds");
    private static final String UNKNOWN = "x-kubernetes-preserve-unknown-fields";

    @Test
    void theChartHasThemAsTheyAre() throws IOException {
        Map<String, Map<String, Object>> definitions = Definitions.all(SOURCES);
        if (System.getProperty("golden", "").equals("rewrite")) {
            Files.createDirectories(CHART);
            for (Path old : files()) {
                Files.delete(old);
            }
            for (var definition : definitions.entrySet()) {
                Files.writeString(CHART.resolve(definition.getKey()), Definitions.yaml(definition.getValue()));
            }
        }
        assertThat(files())
                .extracting(path -> path.getFileName().toString())
                .containsExactlyElementsOf(definitions.keySet());
        for (Path file : files()) {
            assertThat(file)
                    .as("stale: run make generate")
                    .hasContent(
                            Definitions.yaml(definitions.get(file.getFileName().toString())));
        }
    }

    @Test
    void everyFieldThatACommentDescribesIsDescribed() throws IOException {
        Map<?, ?> service = Definitions.all(SOURCES).get("virtualservices.networking.istio.io.yaml");
        Map<?, ?> http = at(versions(service).get("v1"), "properties", "spec", "properties", "http");
        assertThat(http.get("description")).isEqualTo("One HTTP rule; the first that matches is taken.");
        Map<?, ?> route = at(http, "items", "properties", "timeout");
        assertThat(route.get("description")).isEqualTo("Null: none; zero: none.");
    }

    @Test
    void theyAcceptAndKeepWhatIstiosAccept() throws IOException {
        Path istio = samples().resolve("crds/crd-all.gen.yaml");
        assumeThat(istio).exists();
        var ours = new LinkedHashMap<String, Map<?, ?>>();
        Definitions.all(SOURCES)
                .values()
                .forEach(each -> ours.put(String.valueOf(at(each, "metadata").get("name")), each));
        var differences = new ArrayList<String>();
        int compared = 0;
        for (Object document : new Load(
                        LoadSettings.builder().setCodePointLimit(4_000_000).build())
                .loadAllFromString(Files.readString(istio))) {
            Map<?, ?> theirs = (Map<?, ?>) document;
            Map<?, ?> mine = ours.get(String.valueOf(at(theirs, "metadata").get("name")));
            assertThat(mine).as("%s", at(theirs, "metadata").get("name")).isNotNull();
            compared += compare(theirs, mine, differences);
        }
        assertThat(differences).isEmpty();
        assertThat(compared).isGreaterThan(2000);
    }

    private static int compare(Map<?, ?> theirs, Map<?, ?> mine, List<String> differences) {
        Map<?, ?> names = at(theirs, "spec", "names");
        Map<?, ?> myNames = at(mine, "spec", "names");
        for (String name : List.of("kind", "listKind", "plural", "singular", "shortNames", "categories")) {
            if (!String.valueOf(names.get(name)).equals(String.valueOf(myNames.get(name)))) {
                differences.add(
                        names.get("kind") + " " + name + ": " + names.get(name) + ", ours " + myNames.get(name));
            }
        }
        int compared = 0;
        Map<String, Map<?, ?>> versions = versions(theirs);
        Map<String, Map<?, ?>> myVersions = versions(mine);
        if (!Set.copyOf(versions.keySet()).equals(Set.copyOf(myVersions.keySet()))) {
            differences.add(names.get("kind") + ": versions " + versions.keySet() + ", ours " + myVersions.keySet());
        }
        for (Object each : (List<?>) at(theirs, "spec").get("versions")) {
            Map<?, ?> version = (Map<?, ?>) each;
            for (Object other : (List<?>) at(mine, "spec").get("versions")) {
                Map<?, ?> mineToo = (Map<?, ?>) other;
                if (mineToo.get("name").equals(version.get("name"))) {
                    for (String what : List.of("served", "storage", "subresources")) {
                        if (!version.get(what).equals(mineToo.get(what))) {
                            differences.add(names.get("kind") + " " + version.get("name") + ": " + what);
                        }
                    }
                    if (!columns(version).equals(columns(mineToo))) {
                        differences.add(names.get("kind") + " " + version.get("name") + ": " + columns(version)
                                + ", ours " + columns(mineToo));
                    }
                }
            }
            String path = names.get("kind") + "." + version.get("name");
            Map<?, ?> schema = myVersions.getOrDefault(String.valueOf(version.get("name")), Map.of());
            compared += schema(path, at(version, "schema", "openAPIV3Schema"), schema, differences);
        }
        return compared;
    }

    /// @return how many schemas were compared
    private static int schema(String path, Map<?, ?> theirs, Map<?, ?> mine, List<String> differences) {
        int compared = 1;
        boolean keepsAll = Boolean.TRUE.equals(mine.get(UNKNOWN));
        if (keepsAll && !mine.containsKey("properties")) {
            return compared;
        }
        if (Boolean.TRUE.equals(theirs.get(UNKNOWN)) && !keepsAll) {
            differences.add(path + ": Istio's keeps unknown fields");
        }
        boolean either = Boolean.TRUE.equals(mine.get("x-kubernetes-int-or-string"));
        Object type = theirs.get("type");
        if (!either && type != null && !type.equals(mine.get("type"))) {
            differences.add(path + ": " + type + ", ours " + mine.get("type"));
        }
        if (Boolean.TRUE.equals(theirs.get("x-kubernetes-int-or-string")) && !either) {
            differences.add(path + ": number or text, ours " + mine.get("type"));
        }
        if (Boolean.TRUE.equals(theirs.get("nullable")) && !Boolean.TRUE.equals(mine.get("nullable"))) {
            differences.add(path + ": may be null");
        }
        if (mine.get("enum") instanceof List<?> values
                && (!(theirs.get("enum") instanceof List<?> all) || !values.containsAll(all))) {
            differences.add(path + ": values " + theirs.get("enum") + ", ours " + values);
        }
        List<?> required = theirs.get("required") instanceof List<?> list ? list : List.of();
        if (mine.get("required") instanceof List<?> list && !required.containsAll(list)) {
            differences.add(path + ": must have " + required + ", ours " + list);
        }
        if (!choices(theirs).containsAll(choices(mine))) {
            differences.add(path + ": one of " + choices(theirs) + ", ours " + choices(mine));
        }
        if (theirs.get("properties") instanceof Map<?, ?> properties) {
            Map<?, ?> own = mine.get("properties") instanceof Map<?, ?> map ? map : Map.of();
            for (var property : properties.entrySet()) {
                if (own.get(property.getKey()) instanceof Map<?, ?> same) {
                    compared +=
                            schema(path + "." + property.getKey(), (Map<?, ?>) property.getValue(), same, differences);
                } else if (!keepsAll) {
                    differences.add(path + "." + property.getKey() + ": is not there");
                }
            }
        }
        for (String inner : List.of("items", "additionalProperties")) {
            if (theirs.get(inner) instanceof Map<?, ?> item) {
                if (mine.get(inner) instanceof Map<?, ?> same) {
                    compared += schema(path + "[]", item, same, differences);
                } else if (!keepsAll) {
                    differences.add(path + ": has no " + inner);
                }
            }
        }
        return compared;
    }

    // The groups of fields of which one alone may stand.
    private static Set<Set<String>> choices(Map<?, ?> schema) {
        var groups = new LinkedHashSet<Set<String>>();
        if (schema.get("oneOf") instanceof List<?> alternatives) {
            var names = new LinkedHashSet<String>();
            for (Object alternative : alternatives) {
                if (((Map<?, ?>) alternative).get("required") instanceof List<?> required) {
                    required.forEach(name -> names.add(String.valueOf(name)));
                }
                groups.addAll(choices((Map<?, ?>) alternative));
            }
            groups.add(names);
        }
        for (String more : List.of("allOf", "anyOf")) {
            if (schema.get(more) instanceof List<?> all) {
                all.forEach(each -> groups.addAll(choices((Map<?, ?>) each)));
            }
        }
        return groups;
    }

    private static List<List<Object>> columns(Map<?, ?> version) {
        var columns = new ArrayList<List<Object>>();
        if (version.get("additionalPrinterColumns") instanceof List<?> list) {
            for (Object each : list) {
                Map<?, ?> column = (Map<?, ?>) each;
                columns.add(List.of(column.get("name"), column.get("jsonPath"), column.get("type")));
            }
        }
        return columns;
    }

    private static Map<String, Map<?, ?>> versions(Map<?, ?> definition) {
        var versions = new LinkedHashMap<String, Map<?, ?>>();
        for (Object each : (List<?>) at(definition, "spec").get("versions")) {
            versions.put(
                    String.valueOf(((Map<?, ?>) each).get("name")), at((Map<?, ?>) each, "schema", "openAPIV3Schema"));
        }
        return versions;
    }

    private static Map<?, ?> at(Map<?, ?> map, String... path) {
        Map<?, ?> at = map;
        for (String name : path) {
            at = (Map<?, ?>) at.get(name);
        }
        return at;
    }

    private static List<Path> files() throws IOException {
        try (var files = Files.list(CHART)) {
            return files.sorted().toList();
        }
    }

    // Beside this repository, or beside the folder of a worktree of it.
    private static Path samples() {
        Path folder = Path.of("").toAbsolutePath();
        while (folder.getParent() != null && !Files.exists(folder.resolve("shared/samples/istio"))) {
            folder = folder.getParent();
        }
        return folder.resolve("shared/samples/istio");
    }
}
