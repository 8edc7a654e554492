package dev.mesh.pilot.registry;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.object.MeshObject;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Objects by where they came from. Written by one source thread, read by the push thread.
///
/// A file that cannot be read keeps the objects that it had when it could: the last good configuration serves on.
public final class Registry {
    private final Map<String, List<MeshObject>> byOrigin = new TreeMap<>();
    private final Map<String, List<Finding>> findings = new TreeMap<>();

    /// Replaces what one origin (a file) says.
    ///
    /// @param objects that could be read; one with an error that was there before stays as it was
    /// @return whether any object changed
    public synchronized boolean put(String origin, List<MeshObject> objects, List<Finding> remarks) {
        Map<ResourceRef, MeshObject> next = new LinkedHashMap<>();
        objects.forEach(object -> next.putIfAbsent(object.ref(), object));
        boolean unreadable = remarks.stream()
                .anyMatch(remark ->
                        remark.code() == Finding.Code.MALFORMED_YAML || remark.code() == Finding.Code.UNREADABLE_FILE);
        for (MeshObject old : byOrigin.getOrDefault(origin, List.of())) {
            boolean broken = remarks.stream()
                    .anyMatch(remark -> remark.severity() == Finding.Severity.ERROR
                            && old.ref().equals(remark.about()));
            if (!next.containsKey(old.ref()) && (broken || unreadable)) {
                next.put(old.ref(), old);
            }
        }
        findings.put(origin, List.copyOf(remarks));
        List<MeshObject> now = List.copyOf(next.values());
        List<MeshObject> before = byOrigin.put(origin, now);
        return before == null || !same(before, now);
    }

    // Positions may move without anything that matters having changed.
    private static boolean same(List<MeshObject> a, List<MeshObject> b) {
        if (a.size() != b.size()) {
            return false;
        }
        for (int i = 0; i < a.size(); i++) {
            if (!a.get(i).ref().equals(b.get(i).ref())
                    || !a.get(i).spec().equals(b.get(i).spec())
                    || !a.get(i).metadata().equals(b.get(i).metadata())) {
                return false;
            }
        }
        return true;
    }

    /// Whether something would be gone if an origin said no more than `objects`: it has other objects now, and no other
    /// origin has them.
    public synchronized boolean loses(String origin, List<MeshObject> objects) {
        var kept = new HashSet<ResourceRef>();
        objects.forEach(object -> kept.add(object.ref()));
        byOrigin.forEach((other, theirs) -> {
            if (!other.equals(origin)) {
                theirs.forEach(object -> kept.add(object.ref()));
            }
        });
        return byOrigin.getOrDefault(origin, List.of()).stream().anyMatch(object -> !kept.contains(object.ref()));
    }

    /// Forgets an origin.
    ///
    /// @return whether it had any object
    public synchronized boolean remove(String origin) {
        findings.remove(origin);
        List<MeshObject> gone = byOrigin.remove(origin);
        return gone != null && !gone.isEmpty();
    }

    /// Origins that are known now.
    public synchronized List<String> origins() {
        return List.copyOf(byOrigin.keySet());
    }

    /// All objects, by origin and then in its order; of two with one name the first stands.
    public synchronized Collection<MeshObject> objects() {
        var all = new LinkedHashMap<ResourceRef, MeshObject>();
        byOrigin.values().forEach(objects -> objects.forEach(object -> all.putIfAbsent(object.ref(), object)));
        return List.copyOf(all.values());
    }

    /// Everything that was remarked on each object by itself, by origin.
    public synchronized List<Finding> findings() {
        var all = new ArrayList<Finding>();
        findings.values().forEach(all::addAll);
        return all;
    }

    /// What was remarked on what one origin says; empty if nothing was, or it is not known.
    public synchronized List<Finding> findings(String origin) {
        return findings.getOrDefault(origin, List.of());
    }

    /// A remark for each object that another origin has too.
    public synchronized List<Finding> duplicates() {
        var all = new ArrayList<Finding>();
        var seen = new LinkedHashMap<ResourceRef, MeshObject>();
        byOrigin.values()
                .forEach(objects -> objects.forEach(object -> {
                    MeshObject first = seen.putIfAbsent(object.ref(), object);
                    if (first != null) {
                        all.add(Finding.duplicate(object.ref(), first.position(), object.position()));
                    }
                }));
        return all;
    }
}
