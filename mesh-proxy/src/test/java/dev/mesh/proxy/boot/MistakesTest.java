package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What `mesh-proxy --mode validate` says of each mistake in a bootstrap: `mistakes/X.yaml` in, `mistakes/X.expected`
/// out. `-Dgolden=rewrite` writes the expected files anew.
class MistakesTest {
    private static final Path FOLDER = Path.of("src/test/resources/mistakes");

    static Stream<String> mistakes() throws IOException {
        try (var files = Files.list(FOLDER)) {
            return files
                    .map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".yaml"))
                    .map(name -> name.replace(".yaml", ""))
                    .sorted()
                    .toList()
                    .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void saysWhatAndWhere(String name) throws IOException {
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        String file = FOLDER.resolve(name + ".yaml").toString();

        int code = MeshProxy.run(
                new String[] {"--mode", "validate", "-c", file},
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));

        List<String> said = err.toString(StandardCharsets.UTF_8)
                .replace(FOLDER + "/", "")
                .lines()
                .toList();
        Path expected = FOLDER.resolve(name + ".expected");
        if ("rewrite".equals(System.getProperty("golden"))) {
            Files.write(expected, said);
        }
        assertThat(said).isEqualTo(Files.readAllLines(expected));
        assertThat(said).allMatch(line -> line.startsWith("mesh-proxy: "));
        assertThat(code).isEqualTo(said.isEmpty() ? 0 : 1);
    }
}
