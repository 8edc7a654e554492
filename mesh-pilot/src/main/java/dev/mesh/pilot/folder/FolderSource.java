package dev.mesh.pilot.folder;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.LeftAside;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.pilot.registry.Registry;
import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Reads every `*.yaml`, `*.yml` and `*.json` below a directory into the registry, and again when it changes.
/// Its thread outlives whatever the files hold.
public final class FolderSource implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(FolderSource.class);

    private final Path folder;
    private final Registry registry;
    private final Runnable onChange;
    private final boolean logs;
    private final WatchService watch;
    private final Map<WatchKey, Path> watched = new HashMap<>();
    private final Map<Path, String> contents = new TreeMap<>();
    private String leftAside = "";

    /// @param onChange called after objects changed, on the source's thread
    /// @throws IOException if the folder is not there or cannot be watched
    public FolderSource(Path folder, Registry registry, Runnable onChange) throws IOException {
        this(folder, registry, onChange, true);
    }

    /// @param logs whether what is wrong with a file is logged when it is read
    public FolderSource(Path folder, Registry registry, Runnable onChange, boolean logs) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new IOException(folder + ": not a folder");
        }
        this.folder = folder;
        this.registry = registry;
        this.onChange = onChange;
        this.logs = logs;
        this.watch = folder.getFileSystem().newWatchService();
    }

    /// Reads everything once.
    public void read() throws IOException {
        scan();
    }

    /// Starts to watch; call [#read] before.
    public void start() {
        Thread.ofPlatform().name("folder").daemon(true).start(this::follow);
    }

    private void follow() {
        while (true) {
            try {
                WatchKey key = watch.take();
                do {
                    key.pollEvents();
                    key.reset();
                    key = watch.poll();
                } while (key != null);
                if (scan()) {
                    onChange.run();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            } catch (ClosedWatchServiceException e) {
                return;
            } catch (IOException | RuntimeException e) {
                LOGGER.atError()
                        .addKeyValue("folder", folder)
                        .setCause(e)
                        .log("the folder could not be read; what was read stays");
            }
        }
    }

    // Reads files whose text differs from what was read last; a folder holds few enough to look at all.
    private boolean scan() throws IOException {
        List<Path> files;
        Set<Path> folders = new HashSet<>();
        try (var found = Files.walk(folder)) {
            var all = found.sorted().toList();
            files = all.stream().filter(FolderSource::isConfiguration).toList();
            all.stream().filter(Files::isDirectory).forEach(folders::add);
        }
        for (Path directory : folders) {
            if (!watched.containsValue(directory)) {
                watched.put(
                        directory.register(
                                watch,
                                StandardWatchEventKinds.ENTRY_CREATE,
                                StandardWatchEventKinds.ENTRY_MODIFY,
                                StandardWatchEventKinds.ENTRY_DELETE),
                        directory);
            }
        }
        watched.values().removeIf(directory -> !folders.contains(directory));
        boolean changed = false;
        for (Path file : files) {
            String text;
            try {
                text = Files.readString(file);
            } catch (IOException e) {
                continue; // gone or being written: another event follows
            }
            if (!text.equals(contents.put(file, text))) {
                changed |= read(file, text);
            }
        }
        for (Path gone : List.copyOf(contents.keySet())) {
            if (!files.contains(gone)) {
                contents.remove(gone);
                changed |= registry.remove(name(gone));
            }
        }
        tellLeftAside();
        return changed;
    }

    private boolean read(Path file, String text) {
        var result = ObjectReader.read(name(file), text);
        if (logs) {
            result.findings().forEach(FolderSource::log);
        }
        return registry.put(name(file), result.objects(), result.findings());
    }

    private void tellLeftAside() {
        String now = LeftAside.summary(registry.findings());
        if (logs && !now.isEmpty() && !now.equals(leftAside)) {
            LOGGER.atInfo().log("left aside, of other API groups: {}", now);
        }
        leftAside = now;
    }

    private static void log(Finding finding) {
        if (finding.code() == Finding.Code.FOREIGN_KIND) {
            return; // told in one line for all
        }
        switch (finding.severity()) {
            case ERROR -> LOGGER.atError().log("{}", finding);
            case WARNING -> LOGGER.atWarn().log("{}", finding);
            case INFO -> LOGGER.atInfo().log("{}", finding);
        }
    }

    private String name(Path file) {
        return folder.relativize(file).toString();
    }

    private static boolean isConfiguration(Path file) {
        String name = file.getFileName().toString();
        return !name.startsWith(".")
                && (name.endsWith(".yaml") || name.endsWith(".yml") || name.endsWith(".json"))
                && Files.isRegularFile(file);
    }

    @Override
    public void close() throws IOException {
        watch.close();
    }
}
