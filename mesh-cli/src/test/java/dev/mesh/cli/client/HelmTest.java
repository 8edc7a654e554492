package dev.mesh.cli.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HelmTest {
    @TempDir
    private Path work;

    private Path program(String script) throws IOException {
        Path program = Files.writeString(work.resolve("helm"), "#!/bin/sh\n" + script);
        return Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    @Test
    void isFoundByItsVariableOrOnThePath() throws IOException {
        Path program = program("exit 0\n");

        assertThat(Helm.find(Map.of("MESH_HELM", program.toString()), List.of()).program())
                .isEqualTo(program);
        assertThat(Helm.find(Map.of("PATH", "/nowhere:" + work), List.of()).program())
                .isEqualTo(program);
        assertThatThrownBy(() -> Helm.find(Map.of("PATH", "/nowhere"), List.of()))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("MESH_HELM");
        assertThatThrownBy(() -> Helm.find(Map.of("MESH_HELM", "/nowhere/helm"), List.of()))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("/nowhere/helm");
    }

    @Test
    void tellsWhatAReleaseWaitsForOnce() throws IOException {
        // Waits until it was asked twice what it waits for.
        Path program = program("""
                case $1 in
                install) until [ -e "$0.asked2" ]; do sleep 0.1; done ;;
                status)
                  [ -e "$0.asked" ] && touch "$0.asked2"; touch "$0.asked"
                  echo '{"info": {"resources": {"v1/Deployment": [{"metadata": {"name": "mesh-pilot"}, "spec": {}, "status": {"replicas": 1}}]}}}' ;;
                esac
                """);
        var lines = new ArrayList<String>();

        new Helm(program, List.of()).run(List.of("install", "mesh"), "mesh", "mesh-system", lines::add);

        assertThat(lines).containsExactly("mesh-pilot: 0 of 1 ready");
    }

    @Test
    void saysWhatHelmSaidLast() throws IOException {
        Path program = program(
                "echo 'walk.go:75: found symbolic link' >&2; echo 'Error: INSTALLATION FAILED: cannot re-use a name that is still in use' >&2; exit 1\n");

        assertThatThrownBy(() -> new Helm(program, List.of()).run(List.of("install", "mesh"), "", "", line -> {}))
                .isInstanceOf(Failure.class)
                .hasMessage("helm install: INSTALLATION FAILED: cannot re-use a name that is still in use");
    }

    @Test
    void whatIsNoStatusIsNothing() {
        assertThat(Helm.states("")).isEmpty();
        assertThat(Helm.states("{}")).isEmpty();
        assertThat(Helm.states("{\"info\": {\"resources\": {\"v1/Deployment\": {}}}}"))
                .isEmpty();
    }
}
