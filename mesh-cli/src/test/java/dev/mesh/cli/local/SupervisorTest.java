package dev.mesh.cli.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.local.LocalProcess.RestartPolicy;
import dev.mesh.cli.client.Failure;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Help.Ansi;

/// Real processes: what ends by itself is told and started again, what is stopped is not.
class SupervisorTest {
    private final StringWriter said = new StringWriter();
    private final Supervisor supervisor =
            new Supervisor(new Log(new PrintWriter(said), Ansi.OFF, 6), Duration.ofSeconds(10));

    private Supervisor.Child start(RestartPolicy restart, String script) {
        return supervisor.start(new Supervisor.Program("child", List.of("sh", "-c", script), Map.of(), null, restart));
    }

    @Test
    void aChildThatIsStoppedHasNotEndedByItself() {
        var child = start(RestartPolicy.Always, "echo here; exec sleep 600");
        await().until(() -> said.toString().contains("child  | here"));

        supervisor.close();

        assertThat(child.isAlive()).isFalse();
        assertThat(child.ended())
                .as("Ctrl-C while starting is no failure of a child")
                .isEmpty();
        assertThat(said.toString()).doesNotContain("ended with status");
        assertThatThrownBy(() -> start(RestartPolicy.Never, "true")).isInstanceOf(Failure.class);
    }

    @Test
    void aChildThatEndsIsToldAndStartedAgain() {
        var child = start(RestartPolicy.OnFailure, "exit 3");
        try {
            await().atMost(Duration.ofSeconds(20)).until(() -> child.starts() > 1);

            assertThat(child.ended()).isEqualTo(OptionalInt.of(3));
            assertThat(said.toString()).contains("child  ! ended with status 3; starting it again in 250 ms");
        } finally {
            supervisor.close();
        }
    }

    @Test
    void anAbsentProgramIsASentence() {
        try {
            var child = supervisor.start(
                    new Supervisor.Program("child", List.of("/no/such/program"), Map.of(), null, RestartPolicy.Never));
            await().until(() -> child.ended().isPresent());

            assertThat(said.toString()).contains("/no/such/program");
        } finally {
            supervisor.close();
        }
    }
}
