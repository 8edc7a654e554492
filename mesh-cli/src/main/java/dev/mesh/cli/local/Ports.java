package dev.mesh.cli.local;

import dev.mesh.api.local.FreePorts;
import dev.mesh.cli.client.Failure;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;

/// Ports of this machine. Not thread-safe.
public final class Ports {
    private final FreePorts ports = new FreePorts();

    /// A port of 127.0.0.1 that nobody listens on, a new one each time.
    public int free() {
        try {
            return ports.next();
        } catch (IOException e) {
            throw new Failure("no free port on 127.0.0.1 (" + e.getMessage() + ")");
        }
    }

    /// Tries each.
    ///
    /// @throws Failure that names all that cannot be had
    public static void check(List<LocalPlan.Binding> bindings) {
        List<String> taken = bindings.stream()
                .map(Ports::problem)
                .filter(text -> !text.isEmpty())
                .toList();
        if (!taken.isEmpty() && taken.size() == bindings.size()) {
            taken = new ArrayList<>(taken);
            taken.add("All of them: this mesh seems to be up already. Stop the other meshctl up first (Ctrl-C).");
        }
        if (!taken.isEmpty()) {
            throw new Failure(String.join("\n         ", taken));
        }
    }

    private static String problem(LocalPlan.Binding binding) {
        String where = binding.address() + ":" + binding.port();
        try (var socket = new ServerSocket(binding.port(), 1, InetAddress.getByName(binding.address()))) {
            return socket.isBound() ? "" : where + " cannot be bound (" + binding.use() + ")";
        } catch (BindException e) {
            String message = String.valueOf(e.getMessage());
            return message.contains("in use")
                    ? where + " is taken by another program (" + binding.use() + ")"
                    : where + " cannot be bound: " + message + " (" + binding.use() + ")";
        } catch (IOException | IllegalArgumentException e) {
            return where + " cannot be bound: " + e.getMessage() + " (" + binding.use() + ")";
        }
    }
}
