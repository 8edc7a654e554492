package dev.mesh.pilot.model;

/// What a service without addresses is called at by applications whose DNS questions the proxy answers.
///
/// @param four of 240.240.0.0/16
/// @param six of 2001:2::/48
public record VirtualAddress(String four, String six) {}
