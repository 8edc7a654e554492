package dev.mesh.proxy.listener;

import io.netty.channel.EventLoop;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// Tells the connections of a listener, once, that they are to go when they are done. Any thread.
public final class Drain {
    private final Set<Waiter> waiters = ConcurrentHashMap.newKeySet();
    private volatile boolean started;

    /// Identity matters: two equal actions are two.
    private static final class Waiter {
        private final EventLoop loop;
        private final Runnable action;

        private Waiter(EventLoop loop, Runnable action) {
            this.loop = loop;
            this.action = action;
        }
    }

    public boolean started() {
        return started;
    }

    /// Starts it; a second call does nothing.
    public void start() {
        started = true;
        for (Waiter waiter : waiters) {
            fire(waiter);
        }
    }

    /// Runs `action` on `loop` when the drain starts, soon if it has.
    ///
    /// @return takes the action back
    Runnable onStart(EventLoop loop, Runnable action) {
        var waiter = new Waiter(loop, action);
        waiters.add(waiter);
        if (started) {
            fire(waiter);
        }
        return () -> waiters.remove(waiter);
    }

    // Who takes it out runs it: so it runs once, whatever the order of start and registration.
    private void fire(Waiter waiter) {
        if (waiters.remove(waiter)) {
            waiter.loop.execute(waiter.action);
        }
    }
}
