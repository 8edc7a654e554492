package dev.mesh.e2e;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/// Requests one after another on several threads, from its making to its end.
final class Load implements AutoCloseable {
    private final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
    private final AtomicInteger requests = new AtomicInteger();
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean over;

    /// @param request sends one; its answer counts as good if it starts with `200`
    Load(int threads, Supplier<String> request) {
        for (int i = 0; i < threads; i++) {
            this.threads.add(Thread.ofVirtual().start(() -> {
                while (!over) {
                    String answer = request.get();
                    requests.incrementAndGet();
                    if (!answer.startsWith("200")) {
                        failures.add(answer);
                    }
                }
            }));
        }
    }

    int requests() {
        return requests.get();
    }

    /// Ends it, when what is under way has been answered.
    ///
    /// @return what went wrong
    List<String> end() throws InterruptedException {
        over = true;
        for (Thread thread : threads) {
            thread.join();
        }
        return List.copyOf(failures);
    }

    @Override
    public void close() {
        over = true;
    }
}
