package dev.mesh.pilot.kubeconfig;

import io.fabric8.kubernetes.client.informers.ResourceEventHandler;

/// For whoever looks at an informer's store anew whatever has changed in it. Called on the informer's thread.
public final class Changed<T> implements ResourceEventHandler<T> {
    private final Runnable changed;
    private final Runnable empty;

    /// @param changed an object was added, changed or removed
    public Changed(Runnable changed) {
        this(changed, () -> {});
    }

    /// @param changed an object was added, changed or removed
    /// @param empty there was no object at first
    public Changed(Runnable changed, Runnable empty) {
        this.changed = changed;
        this.empty = empty;
    }

    @Override
    public void onNothing() {
        empty.run();
    }

    @Override
    public void onAdd(T object) {
        changed.run();
    }

    @Override
    public void onUpdate(T before, T after) {
        changed.run();
    }

    @Override
    public void onDelete(T object, boolean unknown) {
        changed.run();
    }
}
