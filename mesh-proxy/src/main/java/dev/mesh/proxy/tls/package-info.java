/// **tls**: TLS contexts from Envoy's transport socket configuration.
@NullMarked
package dev.mesh.proxy.tls;

import org.jspecify.annotations.NullMarked;
