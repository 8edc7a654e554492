package dev.mesh.api.object;

/// The part of an object that differs by kind: a record of `networking`, `security`, `telemetry`, `k8s` or `local`.
public interface Spec {}
