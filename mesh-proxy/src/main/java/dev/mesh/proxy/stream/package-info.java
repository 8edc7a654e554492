/// **stream**: what is known of one request or TCP connection when it ends: the input of access logs,
/// header formats and statistics.
@NullMarked
package dev.mesh.proxy.stream;

import org.jspecify.annotations.NullMarked;
