package dev.mesh.pilot.registry;

import java.io.IOException;
import java.util.List;

/// Where configuration comes from: a folder of YAML, or a Kubernetes API server. It fills a [Registry] and tells of
/// every
/// change; its own threads outlive whatever it is given to read.
public interface Source extends AutoCloseable {
    /// Reads everything once; returns when the registry holds it.
    ///
    /// @throws IOException with a sentence, if there is nothing to read from
    void read() throws IOException;

    /// Follows changes from now on; call [#read] before.
    void start();

    /// What it still waits for before what the registry holds is complete; empty when it is.
    default String waitsFor() {
        return "";
    }

    /// What is wrong with it now, a sentence each: what cannot be read, and what to do about it. Empty if nothing is.
    default List<String> troubles() {
        return List.of();
    }

    @Override
    void close() throws IOException;

    /// Makes a source.
    @FunctionalInterface
    interface Factory {
        /// @param onChange called after objects changed, on a thread of the source
        /// @throws IOException with a sentence, if there is no such source
        Source open(Registry registry, Runnable onChange) throws IOException;
    }
}
