/// **http**: HTTP messages and streams, the same for every version of the protocol. What `codec` makes of
/// bytes and what `hcm` and `upstream` work on.
@NullMarked
package dev.mesh.proxy.http;

import org.jspecify.annotations.NullMarked;
