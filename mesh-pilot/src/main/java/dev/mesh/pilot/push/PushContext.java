package dev.mesh.pilot.push;

/// One immutable snapshot of everything known: the indexes that generators read.
///
/// @param revision counts snapshots of this process, for logs; never part of resource bytes
public record PushContext(long revision) {}
