package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.filter.ConfigRejected;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What is known of every resource, for dumps and applied reports, and what of it has changed since that was told.
/// Configuration thread, under the loader's lock.
final class Ledger {
    private final Map<XdsType, Map<String, Entry>> entries = new EnumMap<>(XdsType.class);
    private final List<Entry> changed = new ArrayList<>();
    private final Map<XdsType, Set<String>> gone = new EnumMap<>(XdsType.class);
    private boolean bootstrapping;

    /// Whether what is recorded now came in the bootstrap.
    void bootstrapping(boolean is) {
        bootstrapping = is;
    }

    boolean isBootstrapping() {
        return bootstrapping;
    }

    boolean isStatic(XdsType type, String name) {
        Entry entry = of(type).get(name);
        return entry != null && entry.isStatic();
    }

    /// All of it.
    List<Entry> dump() {
        var all = new ArrayList<Entry>();
        entries.values().forEach(byName -> all.addAll(byName.values()));
        return all;
    }

    /// Tells `to` what has changed since the last time.
    void tell(Loader.@Nullable Observer to) {
        if (to != null && (!changed.isEmpty() || !gone.isEmpty())) {
            to.onApplied(List.copyOf(changed), new LinkedHashMap<>(gone));
        }
        changed.clear();
        gone.clear();
    }

    /// By name; of the ledger itself.
    Map<String, Entry> of(XdsType type) {
        return entries.computeIfAbsent(type, any -> new TreeMap<>());
    }

    /// What is in effect now.
    void record(XdsType type, String name, String version, Any body, String error) {
        Entry old = of(type).get(name);
        if (old != null
                && old.version().equals(version)
                && old.error().equals(error)
                && old.warmingVersion().isEmpty()) {
            return;
        }
        var entry = new Entry(type, name, bootstrapping, version, body, Instant.now(), "", error, "");
        of(type).put(name, entry);
        changed.add(entry);
    }

    /// What was accepted and is not in effect yet.
    void warming(XdsType type, String name, String version) {
        Entry old = of(type).get(name);
        var entry = old == null
                ? new Entry(type, name, bootstrapping, "", null, null, version, "", "")
                : new Entry(type, name, old.isStatic(), old.version(), old.body(), old.since(), version, "", "");
        of(type).put(name, entry);
        changed.add(entry);
    }

    /// What was refused.
    void failed(XdsType type, Loader.Update update, ConfigRejected why) {
        error(type, update.name(), update.version(), String.join("; ", why.reasons()));
    }

    void error(XdsType type, String name, String version, String reason) {
        Entry old = of(type).get(name);
        var entry = old == null
                ? new Entry(type, name, false, "", null, null, "", reason, version)
                : new Entry(
                        type,
                        name,
                        old.isStatic(),
                        old.version(),
                        old.body(),
                        old.since(),
                        old.warmingVersion().equals(version) ? "" : old.warmingVersion(),
                        reason,
                        version);
        of(type).put(name, entry);
        changed.add(entry);
    }

    /// What is gone.
    void forget(XdsType type, String name) {
        if (of(type).remove(name) != null) {
            gone.computeIfAbsent(type, any -> new TreeSet<>()).add(name);
        }
    }
}
