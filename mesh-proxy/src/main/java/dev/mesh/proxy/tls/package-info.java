/// **tls**: TLS contexts from Envoy's transport socket configuration, and the secrets that they name ([Secrets]), made
/// anew when those change ([Renewed]).
@NullMarked
package dev.mesh.proxy.tls;

import org.jspecify.annotations.NullMarked;
