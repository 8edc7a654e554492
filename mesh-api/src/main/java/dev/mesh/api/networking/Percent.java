package dev.mesh.api.networking;

/// @param value 0 to 100, fractions allowed
public record Percent(double value) {}
