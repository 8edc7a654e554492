package dev.mesh.pilot.registry;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ConcurrentSkipListMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What the pilot cannot do now, in sentences for a person: `meshctl` and the log have them. Thread-safe.
public final class Troubles {
    private static final Logger LOGGER = LoggerFactory.getLogger(Troubles.class);
    private static final Duration LATELY = Duration.ofMinutes(5);
    private static final int MOST = 100;

    private final Clock clock;
    private final ConcurrentSkipListMap<String, Told> bySubject = new ConcurrentSkipListMap<>();

    /// @param until when it is old; the end of time: it is so until it is over
    private record Told(String sentence, Instant until) {}

    public Troubles() {
        this(Clock.systemUTC());
    }

    /// @param clock by which what happened lately grows old
    Troubles(Clock clock) {
        this.clock = clock;
    }

    /// Something is wrong; logged when it is news.
    ///
    /// @param subject what of; a later sentence about it takes the place of this one
    /// @param sentence what is wrong and what to do
    public void tell(String subject, String sentence) {
        Told before = bySubject.put(subject, new Told(sentence, Instant.MAX));
        if (before == null || !before.sentence.equals(sentence)) {
            LOGGER.atError().log("{}", sentence);
        }
    }

    /// Something went wrong that has no end of its own, such as a call that was refused: told for five minutes. Not
    /// logged. Of very many only some are kept.
    public void happened(String subject, String sentence) {
        Instant now = clock.instant();
        bySubject.values().removeIf(told -> !told.until.isAfter(now));
        long happened = bySubject.values().stream()
                .filter(told -> !told.until.equals(Instant.MAX))
                .count();
        if (happened < MOST || bySubject.containsKey(subject)) {
            bySubject.put(subject, new Told(sentence, now.plus(LATELY)));
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
        Instant now = clock.instant();
        return bySubject.values().stream()
                .filter(told -> told.until.isAfter(now))
                .map(Told::sentence)
                .toList();
    }
}
