package dev.mesh.proxy.boot;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.proxy.xds.AdsClient.Handler.Received;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The table of names, which may come in parts that count together, one resource each. What has come is kept until what
/// its addresses lead to is in effect: the push that it came with. Any thread.
final class StagedNames {
    private static final long PATIENCE_SECONDS = 15; // as long as a push waits for what it needs

    private final Consumer<NameTable> to;
    private final ScheduledExecutorService thread;
    private final Map<String, NameTable> parts = new TreeMap<>(); // by resource name, as of the last response
    private String waitingFor = ""; // the push of what does not count yet; empty if all does
    private long changes;
    private volatile @Nullable NameTable current;

    /// @param to told each table when it counts
    /// @param thread for what waits in vain
    StagedNames(Consumer<NameTable> to, ScheduledExecutorService thread) {
        this.to = to;
        this.thread = thread;
    }

    /// What one response brought. A response without a table changes nothing, and neither does the removal of all that
    /// there is: names stay until there are others.
    ///
    /// @param removed names of resources
    /// @param push that it belongs to; empty if the control plane does not say
    /// @param inEffect the push that is in effect; empty if the control plane does not say where pushes end
    /// @return every reason to refuse it
    synchronized List<String> take(List<Received> resources, List<String> removed, String push, String inEffect) {
        var next = new TreeMap<>(parts);
        removed.forEach(next::remove);
        for (Received received : resources) {
            var body = received.body();
            if (body == null) {
                continue;
            }
            try {
                next.put(received.name(), Packed.unpack(body, NameTable.getDefaultInstance()));
            } catch (InvalidProtocolBufferException e) {
                return List.of(
                        received.name() + ": not a " + NameTable.getDescriptor().getFullName() + ": " + e.getMessage());
            }
        }
        if (next.isEmpty() || next.equals(parts)) {
            return List.of();
        }
        parts.clear();
        parts.putAll(next);
        long change = ++changes;
        if (push.isEmpty() || inEffect.isEmpty() || push.equals(inEffect)) {
            use();
        } else {
            waitingFor = push;
            thread.schedule(() -> waitedFor(change), PATIENCE_SECONDS, TimeUnit.SECONDS);
        }
        return List.of();
    }

    /// A push is in effect.
    synchronized void inEffect(String push) {
        if (!waitingFor.isEmpty() && push.equals(waitingFor)) {
            use();
        }
    }

    private synchronized void waitedFor(long change) {
        if (!waitingFor.isEmpty() && change == changes) {
            use();
        }
    }

    private void use() {
        waitingFor = "";
        var table = NameTable.newBuilder();
        parts.values().forEach(part -> table.putAllTable(part.getTableMap()));
        NameTable whole = table.build();
        current = whole;
        to.accept(whole);
    }

    /// The table that counts; null before the first.
    @Nullable
    NameTable current() {
        return current;
    }
}
