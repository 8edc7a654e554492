import dev.mesh.api.proto.v1.AppliedEvent;
import dev.mesh.api.proto.v1.ListProxiesRequest;
import dev.mesh.api.proto.v1.MeshQueryGrpc;
import dev.mesh.api.proto.v1.ResourceState;
import dev.mesh.api.proto.v1.WatchAppliedRequest;
import io.grpc.ManagedChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/// How long it takes from saving a route until it is in effect in every proxy of a local mesh, by what the proxies
/// report (`in_effect_since`, same machine, same clock).
/// `Propagation PILOT_PORT FILE EDITS MILLIS BURST`: the file holds one VirtualService that ends in a list of routes;
/// each edit sets a request header of the last rule. Prints one line: `proxies edits p50 p90 p99 max missing burst` in
/// microseconds; `missing` counts edits that were not in effect everywhere within ten seconds, `burst` is the time from
/// the last of BURST saves in a row until that one is in effect everywhere (-1: not within ten seconds).
void main(String[] args) throws Exception {
    var file = Path.of(args[1]);
    int edits = Integer.parseInt(args[2]);
    long pause = Duration.ofMillis(Long.parseLong(args[3])).toNanos();
    int burst = Integer.parseInt(args[4]);
    String original = Files.readString(file);
    var channel = ManagedChannelBuilder.forAddress("127.0.0.1", Integer.parseInt(args[0])).usePlaintext().build();
    try {
        var applied = new Applied();
        MeshQueryGrpc.newStub(channel).watchApplied(WatchAppliedRequest.getDefaultInstance(), applied);
        int proxies = MeshQueryGrpc.newBlockingStub(channel).listProxies(ListProxiesRequest.getDefaultInstance())
                .getProxiesCount();
        // Who has the route shows when it changes; the burst's last version is seen here for the first time.
        save(file, original, "first");
        applied.settle(1);
        save(file, original, "last");
        applied.settle(2);
        Map<String, String> last = applied.versions();
        var times = new long[edits];
        int missing = 0;
        long due = System.nanoTime();
        for (int i = 0; i < edits; i++) {
            Map<String, String> before = applied.versions();
            Instant saved = Instant.now();
            save(file, original, "edit-" + i);
            Instant everywhere = applied.await(saved, last.keySet(), (node, version) -> !version.equals(before.get(node)));
            if (everywhere == null) {
                missing++;
                times[i] = Long.MAX_VALUE;
            } else {
                times[i] = Duration.between(saved, everywhere).toNanos() / 1000;
            }
            due += pause;
            while (System.nanoTime() < due) {
                LockSupport.parkNanos(due - System.nanoTime());
            }
        }
        for (int i = 1; i < burst; i++) {
            save(file, original, "burst-" + i);
        }
        Instant saved = Instant.now();
        save(file, original, "last");
        Instant everywhere = applied.await(saved, last.keySet(), (node, version) -> version.equals(last.get(node)));
        Arrays.sort(times);
        System.out.println(proxies + " " + edits + " " + quantile(times, 0.5) + " " + quantile(times, 0.9) + " "
                + quantile(times, 0.99) + " " + times[edits - 1] + " " + missing + " "
                + (everywhere == null ? -1 : Math.max(0, Duration.between(saved, everywhere).toNanos() / 1000)));
    } finally {
        save(file, original, null);
        channel.shutdownNow();
    }
}

long quantile(long[] sorted, double share) {
    return sorted[Math.max(0, (int) Math.ceil(sorted.length * share) - 1)];
}

/// As an editor saves: a new file takes the place of the old one.
void save(Path file, String original, String edit) throws IOException {
    var fresh = file.resolveSibling("." + file.getFileName() + ".saving");
    Files.writeString(fresh, edit == null ? original
            : original.stripTrailing() + "\n    headers: {request: {set: {x-edit: " + edit + "}}}\n");
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
}

interface Wanted {
    boolean test(String node, String version);
}

/// What is in effect of the route, by proxy.
static final class Applied implements StreamObserver<AppliedEvent> {
    private final Map<String, String> versions = new HashMap<>();
    private final Map<String, Instant> since = new HashMap<>();

    @Override
    public synchronized void onNext(AppliedEvent event) {
        for (ResourceState state : event.getResourcesList()) {
            if (state.getName().getName().contains("reviews") && state.getName().getTypeUrl().endsWith("VirtualHost")
                    && !state.getAppliedVersion().isEmpty()) {
                var at = state.getInEffectSince();
                versions.put(event.getNodeId(), state.getAppliedVersion());
                since.put(event.getNodeId(), Instant.ofEpochSecond(at.getSeconds(), at.getNanos()));
            }
        }
        notifyAll();
    }

    synchronized Map<String, String> versions() {
        return Map.copyOf(versions);
    }

    /// Until nothing new has come for half a second.
    synchronized void settle(int round) throws InterruptedException {
        long giveUp = System.nanoTime() + 10_000_000_000L;
        Map<String, String> seen = Map.of();
        while (System.nanoTime() < giveUp) {
            wait(1000);
            if (!versions.isEmpty() && versions.equals(seen)) {
                return;
            }
            seen = Map.copyOf(versions);
        }
        throw new IllegalStateException("nobody reported the route in round " + round);
    }

    /// When the last of the proxies had it in effect, or null after ten seconds.
    synchronized Instant await(Instant from, Set<String> nodes, Wanted wanted) throws InterruptedException {
        long giveUp = System.nanoTime() + 10_000_000_000L;
        var waiting = new HashSet<>(nodes);
        while (true) {
            waiting.removeIf(node -> since.containsKey(node) && !since.get(node).isBefore(from)
                    && wanted.test(node, versions.get(node)));
            if (waiting.isEmpty()) {
                return nodes.stream().map(since::get).max(Instant::compareTo).orElse(from);
            }
            long left = (giveUp - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return null;
            }
            wait(left);
        }
    }

    @Override
    public void onError(Throwable problem) {}

    @Override
    public void onCompleted() {}
}
