package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.networking.ServiceEntry;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.Resolution;
import dev.mesh.pilot.model.VirtualAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Gives ServiceEntries without addresses one of each family, from the ranges that Istio takes: 240.240.0.0/16, which
/// nobody is reached at, and 2001:2::/48, which is for benchmarks (RFC 5180). Proxies that answer DNS questions tell
/// services on one port apart by them.
///
/// The place in the range is a hash of namespace and host, so that every replica finds the same without asking, and
/// objects that come and go move no other. Where hashes meet, the older object keeps the place.
final class AutoAllocation {
    /// `false` on a ServiceEntry: it is given none.
    static final String LABEL = "networking.istio.io/enable-autoallocate-ip";

    private static final int LAST_OCTETS = 254; // not .0, not .255
    static final int PLACES = 256 * LAST_OCTETS;

    private final List<Candidate> candidates = new ArrayList<>();

    private record Candidate(
            MeshObject object, String host, @Nullable Instant since) {
        String key() {
            return object.ref().namespace() + "/" + host;
        }
    }

    /// Takes a service into account, if it is one that is given addresses (Istio, `ShouldV2AutoAllocateIP`): where the
    /// caller is going must not matter, and a wildcard is many names.
    void add(MeshObject object, ServiceInfo service) {
        if (object.spec() instanceof ServiceEntry
                && service.addresses().isEmpty()
                && service.resolution() != Resolution.NONE
                && !service.host().startsWith("*")
                && !object.metadata().labels().getOrDefault(LABEL, "").equalsIgnoreCase("false")) {
            candidates.add(
                    new Candidate(object, service.host(), object.metadata().creationTimestamp()));
        }
    }

    /// @param findings told of those for which the range is too small
    /// @return by host
    SortedMap<String, VirtualAddress> allocate(List<Finding> findings) {
        candidates.sort(Comparator.comparing(Candidate::since, Comparator.nullsLast(Comparator.naturalOrder()))
                .thenComparing(Candidate::key));
        var taken = new BitSet(PLACES);
        var allocated = new TreeMap<String, VirtualAddress>();
        for (Candidate candidate : candidates) {
            if (allocated.size() == PLACES) {
                findings.add(Remarks.remark(
                        candidate.object(),
                        Finding.Code.NOT_HONOURED,
                        "spec.hosts",
                        candidate.host() + " is given no virtual address: all " + PLACES
                                + " of 240.240.0.0/16 are taken (expected: addresses of its own)"));
                continue;
            }
            int place = taken.nextClearBit(Integer.remainderUnsigned(hash(candidate.key()), PLACES));
            if (place >= PLACES) {
                place = taken.nextClearBit(0);
            }
            taken.set(place);
            allocated.put(candidate.host(), address(place));
        }
        return allocated;
    }

    static VirtualAddress address(int place) {
        int third = place / LAST_OCTETS;
        int fourth = place % LAST_OCTETS + 1;
        return new VirtualAddress(
                "240.240." + third + "." + fourth, "2001:2::f0f0:" + Integer.toHexString(third << 8 | fourth));
    }

    // FNV-1a.
    private static int hash(String key) {
        int hash = 0x811c9dc5;
        for (byte octet : key.getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (octet & 0xff)) * 0x01000193;
        }
        return hash;
    }
}
