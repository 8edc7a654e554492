package dev.mesh.pilot.registry;

import java.util.List;
import java.util.concurrent.ConcurrentSkipListMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What the pilot cannot do now, in sentences for a person: `meshctl` and the log have them. Thread-safe.
public final class Troubles {
    private static final Logger LOGGER = LoggerFactory.getLogger(Troubles.class);

    private final ConcurrentSkipListMap<String, String> bySubject = new ConcurrentSkipListMap<>();

    /// Something is wrong; logged when it is news.
    ///
    /// @param subject what of; a later sentence about it takes the place of this one
    /// @param sentence what is wrong and what to do
    public void tell(String subject, String sentence) {
        if (!sentence.equals(bySubject.put(subject, sentence))) {
            LOGGER.atError().log("{}", sentence);
        }
    }

    /// All is well again with `subject`, if it was not.
    public void over(String subject) {
        if (bySubject.remove(subject) != null) {
            LOGGER.atInfo().log("{}: well again", subject);
        }
    }

    /// All that is wrong, in the order of the subjects.
    public List<String> all() {
        return List.copyOf(bySubject.values());
    }
}
