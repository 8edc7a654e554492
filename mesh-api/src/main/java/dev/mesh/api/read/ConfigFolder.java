package dev.mesh.api.read;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/// What lies in a folder of configuration: every `*.yaml`, `*.yml` and `*.json` below it, links followed. Names that
/// start with a dot are left out, files and folders: editors, version control and mounted ConfigMaps keep theirs there.
///
/// @param files in the order of their paths
/// @param folders all that were looked into, the root among them
/// @param unreadable what is named like configuration and is no file that can be read, or a folder that cannot be
/// looked into, with the reason
public record ConfigFolder(List<Path> files, List<Path> folders, Map<Path, String> unreadable) {
    /// Larger files are refused without being read.
    public static final int MOST_BYTES = Documents.MOST_CHARS;

    /// @throws IOException if `root` itself cannot be looked into
    public static ConfigFolder list(Path root) throws IOException {
        if (!Files.isDirectory(root)) {
            throw new IOException(root + (Files.exists(root) ? ": not a folder" : ": there is no such folder"));
        }
        var walk = new Walk(root);
        Files.walkFileTree(root, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, walk);
        if (walk.unreadable.containsKey(root)) {
            throw new IOException(root + ": " + walk.unreadable.get(root));
        }
        return new ConfigFolder(List.copyOf(walk.files), List.copyOf(walk.folders), walk.unreadable);
    }

    /// Whether a file's name says that it holds configuration.
    public static boolean isConfiguration(Path file) {
        String name = String.valueOf(file.getFileName());
        return !name.startsWith(".") && (name.endsWith(".yaml") || name.endsWith(".yml") || name.endsWith(".json"));
    }

    /// Why a file cannot be read, in words.
    public static String reason(IOException e) {
        return switch (e) {
            case AccessDeniedException _ -> "cannot be read: permission denied";
            case NoSuchFileException _ -> "cannot be read: it is a link to nothing, or gone";
            case FileSystemLoopException _ -> "cannot be read: a link that leads back to a folder above";
            case CharacterCodingException _ -> "is no UTF-8 text";
            case FileSystemException said when said.getReason() != null -> "cannot be read: " + said.getReason();
            default -> "cannot be read: " + e.getMessage();
        };
    }

    private static final class Walk extends SimpleFileVisitor<Path> {
        private final Path root;
        private final TreeSet<Path> files = new TreeSet<>();
        private final TreeSet<Path> folders = new TreeSet<>();
        private final TreeMap<Path, String> unreadable = new TreeMap<>();

        Walk(Path root) {
            this.root = root;
        }

        @Override
        public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            if (!folder.equals(root) && String.valueOf(folder.getFileName()).startsWith(".")) {
                return FileVisitResult.SKIP_SUBTREE;
            }
            if (!folder.equals(root) && isConfiguration(folder)) {
                unreadable.put(folder, "is a folder (expected: a file)");
                return FileVisitResult.SKIP_SUBTREE;
            }
            folders.add(folder);
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (isConfiguration(file)) {
                if (attributes.isRegularFile()) {
                    files.add(file);
                } else {
                    boolean link = attributes.isSymbolicLink();
                    unreadable.put(file, link ? "is a link to nothing" : "is no ordinary file");
                }
            }
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException e) {
            boolean hidden = String.valueOf(file.getFileName()).startsWith(".");
            if (file.equals(root)
                    || (!hidden
                            && (isConfiguration(file)
                                    || e instanceof AccessDeniedException
                                    || e instanceof FileSystemLoopException))) {
                unreadable.put(file, reason(e));
            }
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path folder, @org.jspecify.annotations.Nullable IOException e) {
            return FileVisitResult.CONTINUE;
        }
    }
}
