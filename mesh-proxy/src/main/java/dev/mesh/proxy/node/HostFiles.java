package dev.mesh.proxy.node;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What of ours is in the host's folders: the plugin's program, and its place at the end of the network configuration
/// that container runtimes use, which is the first of its folder. Files are replaced as a whole. Blocks; one thread.
final class HostFiles {
    private static final Logger LOGGER = LoggerFactory.getLogger(HostFiles.class);
    private static final Pattern CONFIGURATION = Pattern.compile("[^.].*\\.(conf|conflist|json)");
    private static final Set<PosixFilePermission> PROGRAM = PosixFilePermissions.fromString("rwxr-xr-x");
    private static final Set<PosixFilePermission> PRIVATE = PosixFilePermissions.fromString("rw-------");

    private final Path programs;
    private final Path configurations;
    private final String configurationName;
    private final Path plugin;
    private final JsonObject settings;

    /// @param programs where the host has its CNI plugins
    /// @param configurations where it has its network configurations
    /// @param configurationName the one to chain to; empty = the first
    /// @param plugin our plugin's program
    /// @param settings that it is given
    HostFiles(Path programs, Path configurations, String configurationName, Path plugin, JsonObject settings) {
        this.programs = programs;
        this.configurations = configurations;
        this.configurationName = configurationName;
        this.plugin = plugin;
        this.settings = settings;
    }

    static HostFiles of(NodeSettings settings) {
        return new HostFiles(
                settings.programs(),
                settings.configurations(),
                settings.configurationName(),
                settings.plugin(),
                settings.pluginSettings());
    }

    /// What an error of the file system means, as a sentence.
    static String sentence(IOException e) {
        return switch (e) {
            case NoSuchFileException missing -> missing.getFile() + " is not there";
            case AccessDeniedException denied -> denied.getFile() + " may not be written";
            default -> String.valueOf(e.getMessage());
        };
    }

    /// Puts in place what is missing or has been changed.
    ///
    /// @throws IOException with a sentence
    void ensure() throws IOException {
        installPlugin();
        List<CniConfig.Text> all = configurations();
        CniConfig.Text chosen = chosen(all);
        String ours = chosen.file();
        if (!CniConfig.hasPlugin(chosen, settings)) {
            CniConfig.Text chained = CniConfig.chain(chosen, settings);
            replace(chosen, chained);
            ours = chained.file(); // perhaps over what an earlier one had become
            LOGGER.atInfo()
                    .addKeyValue("file", configurations.resolve(chosen.file()))
                    .log("chained to the network configuration");
        }
        // Another has become the first.
        for (CniConfig.Text other : all) {
            if (!other.file().equals(chosen.file()) && !other.file().equals(ours)) {
                takeOut(other);
            }
        }
    }

    /// Takes all that is ours away.
    void remove() throws IOException {
        for (CniConfig.Text each : configurations()) {
            takeOut(each);
        }
        // Only now: a runtime that finds the plugin named wants to run it.
        Files.deleteIfExists(programs.resolve(CniConfig.TYPE));
    }

    private void takeOut(CniConfig.Text config) throws IOException {
        if (CniConfig.hasPlugin(config)) {
            replace(config, CniConfig.unchain(config));
            LOGGER.atInfo()
                    .addKeyValue("file", configurations.resolve(config.file()))
                    .log("taken out of the network configuration");
        }
    }

    private void installPlugin() throws IOException {
        Path target = programs.resolve(CniConfig.TYPE);
        if (Files.exists(target) && Files.mismatch(plugin, target) < 0 && Files.isExecutable(target)) {
            return;
        }
        write(target, Files.readAllBytes(plugin), PROGRAM);
        LOGGER.atInfo().addKeyValue("file", target).log("plugin installed");
    }

    /// Those that a runtime looks at, in its order.
    private List<CniConfig.Text> configurations() throws IOException {
        List<Path> files;
        try (var found = Files.list(configurations)) {
            files = found.filter(file ->
                            CONFIGURATION.matcher(file.getFileName().toString()).matches() && Files.isRegularFile(file))
                    .sorted()
                    .toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        var all = new ArrayList<CniConfig.Text>();
        for (Path file : files) {
            try {
                all.add(new CniConfig.Text(
                        file.getFileName().toString(), Files.readString(file, StandardCharsets.UTF_8)));
            } catch (NoSuchFileException e) {
                // Gone since; the folder has changed, so it is looked at again.
            } catch (CharacterCodingException e) {
                // No text: no runtime takes it either.
            }
        }
        return all;
    }

    private CniConfig.Text chosen(List<CniConfig.Text> all) throws IOException {
        String list = configurationName.replaceFirst("\\.[^.]*$", ".conflist"); // what a single one becomes
        return all.stream()
                .filter(CniConfig::isValid)
                .filter(each -> configurationName.isEmpty()
                        || each.file().equals(configurationName)
                        || each.file().equals(list))
                .findFirst()
                .orElseThrow(() -> new IOException(configurations + " has no network configuration"
                        + (configurationName.isEmpty() ? "" : " " + configurationName)
                        + " to chain to (expected: the file of the cluster's network plugin)"));
    }

    private void replace(CniConfig.Text before, CniConfig.Text after) throws IOException {
        Path from = configurations.resolve(before.file());
        Path to = configurations.resolve(after.file());
        write(to, after.text().getBytes(StandardCharsets.UTF_8), Files.getPosixFilePermissions(from));
        if (!from.equals(to)) {
            Files.deleteIfExists(from);
        }
    }

    private static void write(Path target, byte[] content, Set<PosixFilePermission> permissions) throws IOException {
        // Runtimes pass over a name that begins with a dot and has no such end.
        Path fresh = target.resolveSibling("." + target.getFileName() + ".mesh-new");
        try {
            Files.deleteIfExists(fresh);
            Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PRIVATE));
            Files.write(fresh, content);
            Files.setPosixFilePermissions(fresh, permissions);
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }
}
