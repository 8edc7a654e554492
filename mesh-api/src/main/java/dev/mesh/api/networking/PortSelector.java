package dev.mesh.api.networking;

/// @param number 1 to 65535
public record PortSelector(int number) {}
