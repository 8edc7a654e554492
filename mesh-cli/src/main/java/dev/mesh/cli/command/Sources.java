package dev.mesh.cli.command;

import dev.mesh.api.read.ConfigFolder;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.read.ReadResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Files of configuration, read as the pilot reads them.
final class Sources {
    private Sources() {}

    /// Never throws: what cannot be read is a finding.
    static ReadResult read(Path file) {
        try {
            return Files.size(file) > ConfigFolder.MOST_BYTES
                    ? ObjectReader.unreadable(file.toString(), "too large (expected: at most 16 MiB)")
                    : ObjectReader.read(file.toString(), Files.readAllBytes(file));
        } catch (IOException e) {
            return ObjectReader.unreadable(file.toString(), ConfigFolder.reason(e));
        }
    }
}
