package dev.mesh.proxy.cluster;

import java.time.Duration;

/// How a cluster without hosts of its own finds where to send what comes (`type: ORIGINAL_DST`): to where the client
/// was going.
///
/// @param header of the request that names the host instead, as `ip:port`; empty = none does
/// @param port in the place of the client's; 0 = the client's
/// @param cleanup after which a host is forgotten that nothing was sent to; default 5 s
public record OriginalDestination(String header, int port, Duration cleanup) {}
