package dev.mesh.pilot.status;

import dev.mesh.api.finding.ResourceRef;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/// What was written on objects, or tried, so that it is not done over and over: an object is written on again when the
/// watch brings another version of it, when something else is to be said, and else, after [#AGAIN], only if the last
/// try
/// may have failed. For an API server may keep less of a status than it is given (a schema prunes what it does not
/// know), and then what stands there never is what was meant.
///
/// Of one thread.
final class Attempts {
    static final Duration AGAIN = Duration.ofSeconds(60);

    private final Map<ResourceRef, Attempt> last = new HashMap<>();

    private record Attempt(String resourceVersion, Object said, Instant again) {}

    /// @param resourceVersion of the object as it stands
    /// @param said what its status is made of, without times; compared by `equals`
    boolean isDue(ResourceRef ref, String resourceVersion, Object said, Instant now) {
        Attempt attempt = last.get(ref);
        return attempt == null
                || !attempt.resourceVersion.equals(resourceVersion)
                || !attempt.said.equals(said)
                || !now.isBefore(attempt.again);
    }

    void begin(ResourceRef ref, String resourceVersion, Object said, Instant now) {
        last.put(ref, new Attempt(resourceVersion, said, now.plus(AGAIN)));
    }

    /// The API server took it.
    ///
    /// @param resourceVersion of the object now; the same as before: nothing of it was new
    void taken(ResourceRef ref, String resourceVersion) {
        last.computeIfPresent(
                ref,
                (_, attempt) -> attempt.resourceVersion.equals(resourceVersion)
                        ? new Attempt(resourceVersion, attempt.said, Instant.MAX)
                        : attempt);
    }

    void forget(ResourceRef ref) {
        last.remove(ref);
    }

    /// Forgets all but these.
    void retain(Collection<ResourceRef> there) {
        last.keySet().retainAll(there);
    }
}
