package dev.mesh.pilot.folder;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.LeftAside;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.ConfigFolder;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.pilot.registry.Registry;
import dev.mesh.pilot.registry.Source;
import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Reads every `*.yaml`, `*.yml` and `*.json` below a directory into the registry, and again when it changes.
/// Its thread outlives whatever the files hold.
public final class FolderSource implements Source {
    private static final Logger LOGGER = LoggerFactory.getLogger(FolderSource.class);
    private static final Duration SETTLE = Duration.ofMillis(150);
    private static final Duration LOOK = Duration.ofSeconds(1);
    private static final Content GONE = new Content(null, "gone");

    private final Path folder;
    private final Registry registry;
    private final Runnable onChange;
    private final boolean logs;
    private final WatchService watch;
    // By key: the folder's path and which one it is, for another can be put in its place.
    private final Map<WatchKey, String> watched = new HashMap<>();
    private final Map<Path, Content> contents = new TreeMap<>();
    private final Map<Path, Waiting> waiting = new HashMap<>();
    private Map<Path, String> seen = Map.of();
    private String trouble = "";
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

    @Override
    public void read() throws IOException {
        scan(System.nanoTime());
    }

    @Override
    public void start() {
        Thread.ofPlatform().name("folder").daemon(true).start(this::follow);
    }

    private void follow() {
        while (true) {
            try {
                // Links, replaced folders and file systems without events are noticed by looking now and then.
                WatchKey key = watch.poll((waiting.isEmpty() ? LOOK : SETTLE).toMillis(), TimeUnit.MILLISECONDS);
                boolean told = key != null;
                while (key != null) {
                    key.pollEvents();
                    if (!key.reset()) {
                        watched.remove(key);
                    }
                    key = watch.poll();
                }
                if ((told || !waiting.isEmpty() || !stamp().equals(seen)) && scan(System.nanoTime())) {
                    onChange.run();
                }
                if (!trouble.isEmpty()) {
                    LOGGER.atInfo().addKeyValue("folder", folder).log("the folder can be read again");
                    trouble = "";
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            } catch (ClosedWatchServiceException e) {
                return;
            } catch (IOException e) {
                trouble(String.valueOf(e.getMessage()));
            } catch (RuntimeException e) {
                LOGGER.atError()
                        .addKeyValue("folder", folder)
                        .setCause(e)
                        .log("error of the pilot; what was read stays");
            }
        }
    }

    private void trouble(String what) {
        if (!trouble.equals(what)) {
            LOGGER.atError().log("{}; what was read stays", what);
        }
        trouble = what;
    }

    // Which files there are, which they are, and when they were written; no content.
    private Map<Path, String> stamp() throws IOException {
        var stamp = new TreeMap<Path, String>();
        var listing = ConfigFolder.list(folder);
        for (List<Path> paths : List.of(listing.files(), listing.folders())) {
            for (Path path : paths) {
                stamp.put(path, stamp(path));
            }
        }
        listing.unreadable().forEach(stamp::put);
        return stamp;
    }

    private static String stamp(Path path) {
        try {
            var attributes = Files.readAttributes(path, BasicFileAttributes.class);
            return attributes.isDirectory()
                    ? String.valueOf(attributes.fileKey())
                    : attributes.fileKey() + " " + attributes.size() + " " + attributes.lastModifiedTime();
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        }
    }

    // Reads files whose bytes differ from what was read last; a folder holds few enough to look at all.
    private boolean scan(long now) throws IOException {
        seen = stamp();
        var listing = ConfigFolder.list(folder);
        watch(listing.folders());
        boolean changed = false;
        for (Path file : listing.files()) {
            changed |= take(file, content(file), now);
        }
        for (var entry : listing.unreadable().entrySet()) {
            changed |= take(entry.getKey(), new Content(null, entry.getValue()), now);
        }
        for (Path gone : List.copyOf(contents.keySet())) {
            boolean there =
                    listing.files().contains(gone) || listing.unreadable().containsKey(gone);
            if (!there && !isUnfinished(gone, GONE, List.of(), now)) {
                contents.remove(gone);
                changed |= registry.remove(name(gone));
            }
        }
        tellLeftAside();
        return changed;
    }

    private void watch(List<Path> folders) throws IOException {
        var present = new HashMap<String, Path>();
        folders.forEach(directory -> present.put(directory + " " + stamp(directory), directory));
        for (var known : List.copyOf(watched.entrySet())) {
            if (present.remove(known.getValue()) == null) {
                known.getKey().cancel();
                watched.remove(known.getKey());
            }
        }
        for (var fresh : present.entrySet()) {
            watched.put(
                    fresh.getValue()
                            .register(
                                    watch,
                                    StandardWatchEventKinds.ENTRY_CREATE,
                                    StandardWatchEventKinds.ENTRY_MODIFY,
                                    StandardWatchEventKinds.ENTRY_DELETE),
                    fresh.getKey());
        }
    }

    private static Content content(Path file) {
        try {
            return Files.size(file) > ConfigFolder.MOST_BYTES
                    ? new Content(null, "too large (expected: at most 16 MiB)")
                    : new Content(Files.readAllBytes(file), "");
        } catch (IOException e) {
            return new Content(null, ConfigFolder.reason(e));
        }
    }

    private boolean take(Path file, Content content, long now) {
        Content before = contents.get(file);
        if (content.equals(before)) {
            waiting.remove(file);
            return false;
        }
        byte[] bytes = content.bytes();
        var result = bytes == null
                ? ObjectReader.unreadable(name(file), content.problem())
                : ObjectReader.read(name(file), bytes);
        if (before != null && isUnfinished(file, content, result.objects(), now)) {
            return false;
        }
        contents.put(file, content);
        if (logs) {
            result.findings().forEach(FolderSource::log);
        }
        return registry.put(name(file), result.objects(), result.findings());
    }

    // Whoever saves a file may empty it first, write it in pieces, or put another in its place. What would take objects
    // away, or looks cut off, is believed when it has stood still for a moment.
    private boolean isUnfinished(Path file, Content content, List<MeshObject> objects, long now) {
        boolean suspicious = content.isCutOff() || registry.loses(name(file), objects);
        if (!suspicious) {
            waiting.remove(file);
            return false;
        }
        var known = waiting.get(file);
        if (known == null || !known.content().equals(content)) {
            waiting.put(file, new Waiting(content, now));
            return true;
        }
        if (now - known.since() < SETTLE.toNanos()) {
            return true;
        }
        waiting.remove(file);
        return false;
    }

    /// What a file held.
    ///
    /// @param bytes null if there is a problem
    private record Content(byte @Nullable [] bytes, String problem) {
        boolean isCutOff() {
            return bytes != null && bytes.length > 0 && bytes[bytes.length - 1] != '\n';
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Content(byte[] theirs, String said)
                    && Arrays.equals(bytes, theirs)
                    && problem.equals(said);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(bytes) * 31 + problem.hashCode();
        }
    }

    private record Waiting(Content content, long since) {}

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

    @Override
    public void close() throws IOException {
        watch.close();
    }
}
