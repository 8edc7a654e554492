package dev.mesh.api.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import org.junit.jupiter.api.Test;

class FreePortsTest {
    private static final int KERNELS_FIRST = 32_768; // as Linux has it by itself

    /// Whom the kernel gives a port is given another one: connections, and other programs that ask for any.
    @Test
    void noPortIsOneThatTheKernelGivesOthers() throws IOException {
        var ports = new FreePorts(KERNELS_FIRST, 4711);
        var seen = new HashSet<Integer>();
        for (int i = 0; i < 100; i++) {
            int port = ports.next();
            assertThat(port).isBetween(16_000, KERNELS_FIRST - 1);
            assertThat(seen.add(port)).isTrue();
        }
    }

    @Test
    void theKernelsRangeIsThatOfThisMachine() throws IOException, InterruptedException {
        Path file = Path.of("/proc/sys/net/ipv4/ip_local_port_range");
        assumeThat(file).exists();
        var cat = new ProcessBuilder("cat", file.toString()).start();
        String[] range = new String(cat.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
                .strip()
                .split("\\s+");
        assumeThat(cat.waitFor()).isZero();
        assumeThat(Integer.parseInt(range[0])).isGreaterThan(17_000);

        assertThat(new FreePorts().next()).isLessThan(Integer.parseInt(range[0]));
    }

    @Test
    void processesThatStartTogetherLookInDifferentPlaces() throws IOException {
        var one = new FreePorts(KERNELS_FIRST, 100);
        var other = new FreePorts(KERNELS_FIRST, 101);
        var ofOne = new HashSet<Integer>();
        for (int i = 0; i < 12; i++) {
            ofOne.add(one.next());
        }
        for (int i = 0; i < 12; i++) {
            assertThat(ofOne).doesNotContain(other.next());
        }
    }

    @Test
    void aPortThatIsTakenIsPassedOver() throws IOException {
        int port = new FreePorts(KERNELS_FIRST, 7).next();
        try (var taken = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            assumeThat(taken.isBound()).isTrue();
            assertThat(new FreePorts(KERNELS_FIRST, 7).next()).isNotEqualTo(port);
        }
    }

    @Test
    void whereTheKernelGivesEveryPortAnyIsTaken() throws IOException {
        assertThat(new FreePorts(1024, 7).next()).isPositive();
    }
}
