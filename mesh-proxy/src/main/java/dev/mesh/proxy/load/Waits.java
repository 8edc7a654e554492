package dev.mesh.proxy.load;

/// How a room of the loader comes back to its work later.
interface Waits {
    /// Runs `action` when what was asked of the control plane has not come in time, alone as all changes are.
    void fetchTimeout(Runnable action);

    /// Runs `action` alone, from another thread, and lets what waited for it go on.
    void exclusively(Runnable action);
}
