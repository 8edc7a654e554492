package dev.mesh.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The API server alone serves what the mesh asks of one. Runs where `-Dkube` names the program: `make e2e`.
@OnOwnServers
@SuppressWarnings("NullAway.Init") // set by JUnit
class ApiServerClusterTest {
    @TempDir
    private static Path work;

    private static ApiServer server;

    @BeforeAll
    static void starts() throws IOException {
        server = ApiServer.start(work);
    }

    @AfterAll
    static void ends() {
        if (server != null) {
            server.close();
        }
    }

    @Test
    void aTokenForTheMeshSaysWhoseItIs() {
        server.kubectl().run("create", "namespace", "tokens");
        server.kubectl().run("create", "serviceaccount", "reviews", "-n", "tokens");
        String token = server.kubectl()
                .run("create", "token", "reviews", "-n", "tokens", "--audience", "istio-ca")
                .strip();
        String review = """
                apiVersion: authentication.k8s.io/v1
                kind: TokenReview
                spec: {token: "%s", audiences: [istio-ca]}
                """.formatted(token);
        assertThat(server.kubectl()
                        .execute(
                                review,
                                "create",
                                "-f",
                                "-",
                                "-o",
                                "jsonpath={.status.authenticated} {.status.user.username}")
                        .succeeded()
                        .output())
                .isEqualTo("true system:serviceaccount:tokens:reviews");
        assertThat(server.kubectl()
                        .execute(
                                review.replace("[istio-ca]", "[vault]"),
                                "create",
                                "-f",
                                "-",
                                "-o",
                                "jsonpath={.status.authenticated}")
                        .succeeded()
                        .output())
                .as("the token is for another audience")
                .isEmpty();
    }

    @Test
    void aRefusedObjectIsAFailureThatSaysWhy() {
        assertThat(server.kubectl()
                        .execute("{kind: ConfigMap, apiVersion: v1, metadata: {name: Upper}}", "apply", "-f", "-"))
                .satisfies(result -> assertThat(result.status()).isNotZero())
                .satisfies(result -> assertThat(result.errors()).contains("metadata.name"));
    }
}
