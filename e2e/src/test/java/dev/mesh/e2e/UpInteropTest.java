package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// `meshctl up` where not all is well. Runs where `-Dhome` names the built programs: `make interop`.
@EnabledIfSystemProperty(named = "home", matches = ".+")
class UpInteropTest {
    private static final String MESH = """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: edge}
            spec: {selector: {istio: ingressgateway}, servers: [{port: {number: EDGE, name: http, protocol: HTTP}, hosts: ["*"]}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: other}
            spec: {address: 127.0.251.7}
            ---
            apiVersion: mesh.dev/v1alpha1
            kind: LocalProcess
            metadata: {name: other}
            spec:
              command: ["${MESH_HOME}/bin/bookinfo", details]
              env: {PORT: "EDGE"}
              restart: OnFailure
            """;

    /// The edge's port was free when the mesh began to start, and another program has it when the edge wants it: that
    /// one would answer in the edge's place.
    @Test
    void aMeshWhoseEdgeCannotListenIsNotReady(@TempDir Path work) throws IOException, InterruptedException {
        int port = Fixture.freePort();
        Path folder = Files.createDirectory(work.resolve("mesh"));
        Files.writeString(folder.resolve("mesh.yaml"), MESH.replace("EDGE", "" + port));
        Path log = work.resolve("log");
        Process mesh = new ProcessBuilder(
                        System.getProperty("home") + "/bin/meshctl",
                        "up",
                        folder.toString(),
                        "--xds-port",
                        "0",
                        "--admin-port",
                        "0")
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            assertThat(mesh.waitFor(2, TimeUnit.MINUTES))
                    .as(Files.readString(log))
                    .isTrue();
            assertThat(mesh.exitValue()).isNotZero();
            assertThat(Files.readString(log))
                    .doesNotContain("The mesh is ready")
                    .contains("edge.mesh-system does not listen: listener 127.0.0.1_" + port
                            + ": cannot bind 127.0.0.1:" + port)
                    .contains("Address already in use");
        } finally {
            mesh.destroy();
            mesh.waitFor(30, TimeUnit.SECONDS);
        }
    }
}
