package dev.mesh.pilot.ca;

import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.security.auth.x500.X500Principal;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// How one root follows another without anybody being refused: first the new one is distributed beside the old, while
/// the old one signs; when every pod must have it, the new one signs; and the old one stays trusted until the last
/// certificate below it must have ended. A signing certificate whose root has long been distributed signs at once.
///
/// Told of time, reads no clock. Not thread-safe.
final class RootRotation {
    /// From the writing of the ConfigMaps until every pod must have them: kubelets look once a minute, and some keep
    /// what they have seen for another.
    static final Duration PROPAGATION = Duration.ofMinutes(5);
    /// How long a root stays trusted that has signed: as long as a certificate below it may live.
    static final Duration RETENTION = CertificateAuthority.LONGEST_LIFE;

    private static final Logger LOGGER = LoggerFactory.getLogger(RootRotation.class);

    private @Nullable SigningMaterial signing;
    private @Nullable SigningMaterial next;
    private Instant nextAt = Instant.MAX;
    private final Map<Authority, Instant> distributed = new HashMap<>();
    private final Map<X509Certificate, Instant> retired = new LinkedHashMap<>();
    private final Set<X509Certificate> written = new HashSet<>();
    // Those of the Secret, and those of what signs; of the last time.
    private Set<X509Certificate> active = Set.of();
    private List<X509Certificate> roots = List.of();

    // A renewed root is another certificate of the same authority: what trusts one trusts what the other has signed.
    private record Authority(PublicKey key, X500Principal subject) {
        static Authority of(X509Certificate certificate) {
            return new Authority(certificate.getPublicKey(), certificate.getSubjectX500Principal());
        }
    }

    /// Takes what the Secret holds now, and what time it is.
    ///
    /// @param elsewhere roots that replicas have retired, or pilots of before; and until when each is trusted. One
    ///     that stood there before and is gone is trusted no longer, unless it signs or the Secret has it
    void take(SigningMaterial read, Map<X509Certificate, Instant> elsewhere, Instant now) {
        var takenOut = new HashSet<>(written);
        takenOut.removeAll(elsewhere.keySet());
        retired.keySet().removeAll(takenOut);
        written.clear();
        written.addAll(elsewhere.keySet());
        elsewhere.forEach((root, until) -> retired.merge(root, until, RootRotation::later));
        SigningMaterial before = signing;
        if (before == null) {
            // The key of before is gone: whatever proxies trust, there is no other to sign with.
            read.roots().forEach(root -> distributed.put(Authority.of(root), Instant.MIN));
            signing = read;
        } else if (read.chain().equals(before.chain())) {
            signing = read;
            next = null;
        } else if (isDistributed(read, now) || before.isOutOfTime(now)) {
            signing = read;
            next = null;
            LOGGER.atInfo().log("certificates are signed with {} from now on, no longer with {}", read, before);
        } else if (next == null || !next.chain().equals(read.chain())) {
            next = read;
            nextAt = now.plus(PROPAGATION);
            LOGGER.atInfo().log(
                    "{} has a new root, which is distributed beside the old one; {} signs until {}, when every pod"
                            + " must have it",
                    read,
                    before,
                    nextAt);
        }
        settle(read, takenOut, now);
    }

    /// These stand now where all pilots see them: who takes one out there wants it to be trusted no longer.
    void kept(Set<X509Certificate> there) {
        written.addAll(there);
    }

    /// At the start of a pilot, before the first [#take]: goes on signing with the root that others have said signs
    /// still while the new one is being distributed, if its key is still there.
    ///
    /// @param older what was signed with perhaps
    /// @param elsewhere as in [#take]
    void resume(SigningMaterial older, Map<X509Certificate, Instant> elsewhere, Instant now) {
        boolean waits = older.anchors().stream()
                .map(elsewhere::get)
                .allMatch(until -> until != null && until.minus(RETENTION).isAfter(now));
        if (signing == null && waits && !older.isOutOfTime(now)) {
            older.roots().forEach(root -> distributed.put(Authority.of(root), Instant.MIN));
            signing = older;
            roots = older.roots();
            active = Set.copyOf(roots);
        }
    }

    private boolean isDistributed(SigningMaterial read, Instant now) {
        return read.anchors().stream()
                .map(anchor -> distributed.get(Authority.of(anchor)))
                .anyMatch(since -> since != null
                        && (since.equals(Instant.MIN)
                                || !since.plus(PROPAGATION).isAfter(now)));
    }

    private static Instant later(Instant one, Instant other) {
        return one.isAfter(other) ? one : other;
    }

    private void settle(SigningMaterial read, Set<X509Certificate> takenOut, Instant now) {
        Set<X509Certificate> all = new LinkedHashSet<>(read.roots());
        if (signing != null) {
            all.addAll(signing.roots());
        }
        for (var root : active) {
            if (!all.contains(root) && !takenOut.contains(root)) {
                // It may have an older date, from when it was to be replaced and was not.
                Instant until = retired.merge(root, now.plus(RETENTION), RootRotation::later);
                LOGGER.atInfo().log(
                        "the old root {} stays trusted until {}, or its own end",
                        root.getSubjectX500Principal(),
                        until);
            }
        }
        active = Set.copyOf(all);
        var old = new TreeMap<String, X509Certificate>();
        retired.keySet().removeAll(all);
        retired.forEach((root, until) -> {
            if (until.isAfter(now) && root.getNotAfter().toInstant().isAfter(now)) {
                old.put(Pems.fingerprint(root), root);
            }
        });
        all.addAll(old.values());
        for (var root : roots) {
            if (!all.contains(root)) {
                LOGGER.atInfo().log("the old root {} is no longer trusted", root.getSubjectX500Principal());
            }
        }
        all.forEach(root -> distributed.putIfAbsent(Authority.of(root), now));
        // Should one come back that is trusted no longer, it is as new as any.
        distributed.keySet().retainAll(all.stream().map(Authority::of).collect(Collectors.toSet()));
        roots = List.copyOf(new ArrayList<>(all));
    }

    /// What is signed with now; its roots are all that are trusted: those of the Secret in their order, then the one
    /// that signs, then those that are retired.
    ///
    /// @throws IllegalStateException before the first [#take]
    SigningMaterial current() {
        SigningMaterial now = signing;
        if (now == null) {
            throw new IllegalStateException("no signing key has been read yet");
        }
        return new SigningMaterial(now.chain(), now.key(), roots, now.origin());
    }

    /// Roots that sign no more, and until when each is trusted; and those that sign still while a new one is being
    /// distributed, until when they will be. What a pilot that starts now must know.
    Map<X509Certificate, Instant> retired() {
        var all = new HashMap<>(retired);
        SigningMaterial now = signing;
        SigningMaterial then = next;
        if (now != null && then != null) {
            for (var root : now.roots()) {
                if (!then.roots().contains(root)) {
                    all.put(root, nextAt.plus(RETENTION));
                }
            }
        }
        return all;
    }

    /// When to look again though nothing has changed; null if there is nothing to wait for.
    @Nullable
    Instant nextStep() {
        return next == null ? null : nextAt;
    }
}
