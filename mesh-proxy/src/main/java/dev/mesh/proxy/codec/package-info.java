/// **codec**: bytes ↔ the messages and streams of `http`. One class pair a protocol; every rule against
/// request smuggling and floods stands here.
///
///     Http1ServerCodec ─┐                     ┌─ Http1ClientCodec
///                       ├▶ ServerStream   ClientStream ◀┤
///     Http2ServerCodec ─┘                     └─ Http2ClientCodec
@NullMarked
package dev.mesh.proxy.codec;

import org.jspecify.annotations.NullMarked;
