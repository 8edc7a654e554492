package dev.mesh.proxy.cluster;

import java.net.InetAddress;

/// The address of a client, from which its connections to upstreams are made as well, so that these see it
/// (`envoy.filters.listener.original_src`).
///
/// @param mark of the packets of these connections, by which the answers are led back to this proxy; 0 = none
public record ClientSource(InetAddress address, int mark) {}
