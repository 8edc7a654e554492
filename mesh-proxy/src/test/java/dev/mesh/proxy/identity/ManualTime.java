package dev.mesh.proxy.identity;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import org.jspecify.annotations.Nullable;

/// A clock that the test moves, and waiting by it.
final class ManualTime extends Clock implements Waiting {
    private Instant now = Instant.parse("2026-11-28T06:00:00Z");
    private @Nullable Instant waitedFor;

    /// When whoever waits will go on; null if nobody waits.
    synchronized @Nullable Instant waitedFor() {
        return waitedFor;
    }

    synchronized void advance(Duration by) {
        now = now.plus(by);
        notifyAll();
    }

    synchronized void advanceTo(Instant when) {
        now = when;
        notifyAll();
    }

    @Override
    public synchronized void until(Instant when) throws InterruptedException {
        waitedFor = when;
        try {
            while (now.isBefore(when)) {
                wait();
            }
        } finally {
            waitedFor = null;
        }
    }

    @Override
    public synchronized Instant instant() {
        return now;
    }

    @Override
    public ZoneId getZone() {
        return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
        return this;
    }
}
