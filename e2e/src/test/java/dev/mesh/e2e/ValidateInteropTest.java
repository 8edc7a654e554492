package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// `meshctl validate` on more than one file: what only shows when they stand together. Runs where `-Dhome` names the
/// built programs: `make interop`.
@EnabledIfSystemProperty(named = "home", matches = ".+")
class ValidateInteropTest {
    private static final String SERVICE = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
            """;
    private static final String RULE = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: web, namespace: shop}
            spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: v2}}]}]}
            """;

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    @BeforeEach
    void writes() throws IOException {
        Files.writeString(work.resolve("service.yaml"), SERVICE);
        Files.writeString(work.resolve("rule.yaml"), RULE);
    }

    private String validate(String input, String... files) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of(System.getProperty("home") + "/bin/meshctl", "validate"));
        for (String file : files) {
            command.addAll(List.of("-f", file));
        }
        var process = new ProcessBuilder(command)
                .directory(work.toFile())
                .redirectErrorStream(true)
                .start();
        try (var in = process.getOutputStream()) {
            in.write(input.getBytes(StandardCharsets.UTF_8));
        }
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return said + "exit code " + process.waitFor();
    }

    @Test
    void filesAreComparedAsAFolderIs() throws IOException, InterruptedException {
        String missing =
                "rule.yaml:4:64: error: VirtualService shop/web: spec.http[0].route[0].destination.subset: v2 is"
                        + " not defined by a DestinationRule for web.shop.svc.cluster.local";
        String end = "2 objects are fine, 1 error\nexit code 1";

        assertThat(validate("", "service.yaml", "rule.yaml").lines())
                .containsExactly(missing, "2 objects are fine, 1 error", "exit code 1");
        assertThat(validate("", ".").lines())
                .containsExactly("./" + missing, "2 objects are fine, 1 error", "exit code 1");
        assertThat(validate(RULE, "service.yaml", "-"))
                .startsWith("stdin" + missing.substring("rule.yaml".length()))
                .endsWith(end);
        Files.createDirectory(work.resolve("rules"));
        Files.move(work.resolve("rule.yaml"), work.resolve("rules/rule.yaml"));
        assertThat(validate("", "rules", "service.yaml"))
                .startsWith("rules/" + missing)
                .endsWith(end);
    }

    @Test
    void aFileAloneIsNotToldWhatStandsElsewhere() throws IOException, InterruptedException {
        assertThat(validate("", "rule.yaml")).endsWith("1 object is fine, 0 errors\nexit code 0");
    }
}
