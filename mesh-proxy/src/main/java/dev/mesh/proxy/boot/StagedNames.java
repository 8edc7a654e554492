package dev.mesh.proxy.boot;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.proxy.xds.AdsClient.Handler.Received;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Keeps a table of names until what its addresses lead to is in effect: the push that it came with. Any thread.
final class StagedNames {
    private static final long PATIENCE_SECONDS = 15; // as long as a push waits for what it needs

    private final Consumer<NameTable> to;
    private final ScheduledExecutorService thread;
    private @Nullable NameTable waiting;
    private String waitingFor = "";
    private volatile @Nullable NameTable current;

    /// @param to told each table when it counts
    /// @param thread for what waits in vain
    StagedNames(Consumer<NameTable> to, ScheduledExecutorService thread) {
        this.to = to;
        this.thread = thread;
    }

    /// What one response brought. A response without a table changes nothing, and neither does a table's removal: names
    /// stay until there are others.
    ///
    /// @param push that it belongs to; empty if the control plane does not say
    /// @param inEffect the push that is in effect; empty if the control plane does not say where pushes end
    /// @return every reason to refuse it
    synchronized List<String> take(List<Received> resources, String push, String inEffect) {
        for (Received received : resources) {
            var body = received.body();
            if (body == null) {
                continue;
            }
            try {
                NameTable table = Packed.unpack(body, NameTable.getDefaultInstance());
                if (push.isEmpty() || inEffect.isEmpty() || push.equals(inEffect)) {
                    use(table);
                } else {
                    waiting = table;
                    waitingFor = push;
                    thread.schedule(() -> waitedFor(table), PATIENCE_SECONDS, TimeUnit.SECONDS);
                }
            } catch (InvalidProtocolBufferException e) {
                return List.of("not a " + NameTable.getDescriptor().getFullName() + ": " + e.getMessage());
            }
        }
        return List.of();
    }

    /// A push is in effect.
    synchronized void inEffect(String push) {
        NameTable table = waiting;
        if (table != null && push.equals(waitingFor)) {
            use(table);
        }
    }

    private synchronized void waitedFor(NameTable table) {
        if (waiting == table) {
            use(table);
        }
    }

    private void use(NameTable table) {
        waiting = null;
        current = table;
        to.accept(table);
    }

    /// The table that counts; null before the first.
    @Nullable
    NameTable current() {
        return current;
    }
}
