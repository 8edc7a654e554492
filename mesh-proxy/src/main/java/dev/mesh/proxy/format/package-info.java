/// **format**: Envoy's `%...%` format strings, for access logs, header values and local replies.
@NullMarked
package dev.mesh.proxy.format;

import org.jspecify.annotations.NullMarked;
