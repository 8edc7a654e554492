package dev.mesh.pilot.boot;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// What the command line says.
///
/// @param xdsPort on loopback; 0 = any
/// @param httpPort on loopback, for `/metrics` and `/debug`; 0 = any
/// @param portFile where the xDS port is written once it serves; null = nowhere
public record PilotProperties(
        Path folder, int xdsPort, int httpPort, @Nullable Path portFile) {}
