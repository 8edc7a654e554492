package dev.mesh.proxy.accesslog;

import dev.mesh.proxy.stats.Counter;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.concurrent.ArrayBlockingQueue;

/// Writes lines to one stream, from a thread of its own. Any thread may write.
final class LineWriter implements AutoCloseable {
    private static final int QUEUE = 16_384;

    private final ArrayBlockingQueue<String> queue = new ArrayBlockingQueue<>(QUEUE);
    private final OutputStream out;
    private final Counter dropped;
    private final Thread thread;

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
        var batch = new ArrayList<String>();
        var text = new StringBuilder();
        try {
            while (true) {
                batch.add(queue.take());
                queue.drainTo(batch, 1023);
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
                text.setLength(0);
                if (text.capacity() > 1 << 20) {
                    text = new StringBuilder();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() throws IOException {
        thread.interrupt();
        out.flush();
    }
}
