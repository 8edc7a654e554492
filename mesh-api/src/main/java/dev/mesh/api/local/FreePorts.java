package dev.mesh.api.local;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/// Ports of 127.0.0.1 for programs that are yet to start, a new one each time. Thread-safe.
///
/// Between the choice and its use others must not be given the same port. So none is taken from the range that the
/// kernel gives connections and whoever binds port 0 (`ip_local_port_range`), and each process looks in a place of
/// its own.
public final class FreePorts {
    private static final Path KERNELS_RANGE = Path.of("/proc/sys/net/ipv4/ip_local_port_range");
    private static final int FIRST = 16_000; // above what servers have by custom, and the mesh's own 15000 to 15099
    private static final int EACH = 32;

    private final int first;
    private final int count;
    private final AtomicInteger asked = new AtomicInteger();

    public FreePorts() {
        this(kernelsFirst(), ProcessHandle.current().pid());
    }

    /// @param kernelsFirst least port that the kernel gives by itself
    FreePorts(int kernelsFirst, long process) {
        count = Math.max(0, kernelsFirst - FIRST);
        first = count < EACH ? 0 : (int) (process % (count / EACH)) * EACH;
    }

    /// A port that nobody listens on.
    ///
    /// @throws IOException if there is none
    public int next() throws IOException {
        for (int tried = 0; tried < count; tried++) {
            int port = FIRST + (first + asked.getAndIncrement()) % count;
            if (isFree(port)) {
                return port;
            }
        }
        // The kernel gives everything there is by itself.
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static boolean isFree(int port) {
        try (var socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.isBound();
        } catch (IOException e) {
            return false;
        }
    }

    private static int kernelsFirst() {
        // The kernel answers one read only: Files.readString would see the first digit.
        try (var file = Files.newInputStream(KERNELS_RANGE)) {
            var bytes = new byte[64];
            int read = file.read(bytes);
            return Integer.parseInt(new String(bytes, 0, Math.max(0, read), StandardCharsets.US_ASCII)
                    .strip()
                    .split("\\s+", -1)[0]);
        } catch (IOException | NumberFormatException e) {
            return 0; // not Linux: unknown
        }
    }
}
