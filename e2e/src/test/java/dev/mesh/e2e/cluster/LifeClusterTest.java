package dev.mesh.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Ending a cluster leaves nothing behind. Uses clusters of its own, beside the shared one.
@OnOwnServers
@SuppressWarnings("NullAway.Init") // set by JUnit
class LifeClusterTest {
    @TempDir
    private Path work;

    @Test
    void aStartThatIsKilledHalfWayIsGoneAfterDown() throws Exception {
        Path dir = work.resolve("cluster");
        var up = new ProcessBuilder(Cluster.kube(), "up", "--dir", dir.toString())
                .redirectErrorStream(true)
                .start();
        assertThat(up.inputReader().readLine()).contains("kube-apiserver");
        up.destroyForcibly().waitFor();
        // A machine that is just starting a program is there twice for a moment.
        await().until(() -> machines(dir).size() == 3);

        assertThat(run("down", "--dir", dir.toString())).isEmpty();

        assertThat(machines(dir)).isEmpty();
        assertThat(dir).doesNotExist();
        assertThat(Files.readString(Path.of("/proc/mounts"))).doesNotContain(dir.toString());
        assertThat(run("status", "--dir", dir.toString())).contains("no cluster runs in " + dir);
    }

    @Test
    void aStartThatCannotSucceedSaysWhyAndEndsItself() throws Exception {
        Path images = Files.createDirectory(work.resolve("images"));
        Files.writeString(images.resolve("broken.tar"), "this is no tar");
        Path dir = work.resolve("cluster");

        assertThat(run("up", "--dir", dir.toString(), "--images", images.toString()))
                .contains("broken.tar is not an image that containerd takes", "logs are in " + dir.resolve("logs"));

        assertThat(machines(dir)).isEmpty();
        assertThat(dir.resolve("logs")).isDirectory();
        run("down", "--dir", dir.toString());
        assertThat(dir).doesNotExist();
    }

    @Test
    void theNetworkOfAnotherClusterOfTheSameRangeStays() throws Exception {
        Path dir = Files.createDirectory(work.resolve("cluster"));
        Files.writeString(dir.resolve("cluster.json"), "{\"dir\": \"" + dir + "\", \"octet\": 216}");
        execute("ip", "link", "add", "mesh216", "type", "veth", "peer", "name", "mesh216x");
        try {
            assertThat(run("down", "--dir", dir.toString())).isEmpty();

            execute("ip", "link", "show", "mesh216");
        } finally {
            execute("ip", "link", "del", "mesh216");
        }
    }

    private static void execute(String... command) throws IOException, InterruptedException {
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
    }

    private static String run(String... arguments) throws IOException {
        var command = new ArrayList<>(List.of(Cluster.kube()));
        command.addAll(List.of(arguments));
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    /// The processes that hold a cluster's machines, whoever started them.
    private static List<ProcessHandle> machines(Path dir) {
        return ProcessHandle.allProcesses()
                .filter(process -> process.info()
                        .commandLine()
                        .filter(line -> line.contains("kube machine " + dir + " "))
                        .isPresent())
                .toList();
    }
}
