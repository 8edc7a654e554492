package dev.mesh.examples.shop;

/// A service that serves.
interface Running extends AutoCloseable {
    /// On 127.0.0.1.
    int port();

    @Override
    void close();
}
