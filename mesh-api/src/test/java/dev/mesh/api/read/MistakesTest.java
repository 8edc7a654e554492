package dev.mesh.api.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What a person reads of each mistake in a file: `mistakes/X.yaml` in, `mistakes/X.expected` out. `-Dgolden=rewrite`
/// writes the expected files anew.
class MistakesTest {
    private static final Path FOLDER = Path.of("src/test/resources/mistakes");

    static Stream<String> mistakes() throws IOException {
        return ConfigFolder.list(FOLDER).files().stream()
                .map(file -> file.getFileName().toString().replace(".yaml", ""));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void saysWhatAndWhere(String name) throws IOException {
        byte[] bytes = Files.readAllBytes(FOLDER.resolve(name + ".yaml"));

        var result = ObjectReader.read(name + ".yaml", bytes);

        var said = new ArrayList<String>();
        result.findings().forEach(finding -> said.add(finding.toString()));
        result.objects().forEach(object -> said.add("taken: " + object.ref()));
        Path expected = FOLDER.resolve(name + ".expected");
        if ("rewrite".equals(System.getProperty("golden"))) {
            Files.write(expected, said);
        }
        assertThat(said).isEqualTo(Files.readAllLines(expected));
    }

    @Test
    void largeFilesAreRefusedBeforeTheyAreParsed() {
        byte[] bytes = "a: b\n".repeat(4 << 20).getBytes(StandardCharsets.UTF_8);

        assertThat(ObjectReader.read("large.yaml", bytes).findings())
                .extracting(Object::toString)
                .isEqualTo(List.of("large.yaml:1:1: error: too large (expected: at most 16 MiB)"));
    }
}
