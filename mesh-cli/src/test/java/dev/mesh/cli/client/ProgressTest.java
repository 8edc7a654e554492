package dev.mesh.cli.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private final ByteArrayOutputStream said = new ByteArrayOutputStream();
    private final PrintStream err = new PrintStream(said, true, StandardCharsets.UTF_8);

    @Test
    void saysWhatTakesLongAndTakesItBack() {
        try (var _ = new Progress("asking", err, true, Duration.ZERO)) {
            await().until(() -> said.size() > 0);
        }

        assertThat(said.toString(StandardCharsets.UTF_8))
                .startsWith("\rasking ... 0 s")
                .endsWith("\r\u001b[K");
    }

    @Test
    void saysNothingOfWhatIsQuickOrWhereNobodyLooks() {
        try (var _ = new Progress("asking", err, true, Duration.ofHours(1))) {
            assertThat(said.size()).isZero();
        }
        try (var _ = new Progress("asking", err, false, Duration.ZERO)) {
            assertThat(said.size()).isZero();
        }
        assertThat(said.size()).isZero();
    }
}
