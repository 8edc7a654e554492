package dev.mesh.pilot.generate;

import java.util.function.Function;

/// Keeps what a pure function made of an input record, so that proxies with equal inputs share one set of bytes.
/// The record is the key: whatever the result depends on is in it.
interface ResourceCache {
    /// @param make called when nothing is kept for `input`; pure
    <I extends Record, R> R get(I input, Function<I, R> make);
}
