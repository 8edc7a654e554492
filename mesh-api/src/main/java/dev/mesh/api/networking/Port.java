package dev.mesh.api.networking;

/// A port of a gateway server, a service entry or a sidecar listener.
///
/// @param number 1 to 65535
/// @param protocol such as `HTTP`, `HTTPS`, `GRPC`, `HTTP2`, `MONGO`, `TCP`, `TLS`
/// @param targetPort where the endpoints listen; 0: the same
public record Port(int number, String protocol, String name, int targetPort) {}
