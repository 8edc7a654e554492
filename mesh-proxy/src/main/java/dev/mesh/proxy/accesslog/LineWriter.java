package dev.mesh.proxy.accesslog;

import dev.mesh.proxy.stats.Counter;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.concurrent.ArrayBlockingQueue;

/// Writes lines to one stream, from a thread of its own. Any thread may write.
///
/// Lines are gathered for a moment (Envoy gathers 64 KiB or 10 s): a thread that is woken for each costs more than the
/// line. What was written is written out by [#close].
final class LineWriter implements AutoCloseable {
    private static final int QUEUE = 16_384;
    private static final long GATHER_MILLIS = 50;

    private final ArrayBlockingQueue<String> queue = new ArrayBlockingQueue<>(QUEUE);
    private final OutputStream out;
    private final Counter dropped;
    private final Thread thread;
    private final ArrayList<String> batch = new ArrayList<>(); // the writer thread's

    LineWriter(String name, OutputStream out, Counter dropped) {
        this.out = out;
        this.dropped = dropped;
        thread = Thread.ofPlatform().name("access-log-" + name).daemon(true).start(this::run);
    }

    void write(String line) {
        if (!queue.offer(line)) {
            dropped.inc();
        }
    }

    private void run() {
        try {
            while (true) {
                batch.add(queue.take());
                if (queue.size() < QUEUE / 4) {
                    Thread.sleep(GATHER_MILLIS);
                }
                writeOut();
            }
        } catch (InterruptedException e) {
            writeOut(); // closed
        }
    }

    private void writeOut() {
        while (queue.drainTo(batch, 1024) > 0 || !batch.isEmpty()) {
            var text = new StringBuilder(batch.size() * 256);
            for (String line : batch) {
                text.append(line);
            }
            batch.clear();
            try {
                out.write(text.toString().getBytes(StandardCharsets.ISO_8859_1));
                out.flush();
            } catch (IOException e) {
                dropped.inc();
            }
        }
    }

    @Override
    public void close() throws IOException {
        thread.interrupt();
        boolean interrupted = false;
        try {
            thread.join(1000);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        out.flush();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
