/// **pem**: certificates and keys as text, by the JDK alone.
@NullMarked
package dev.mesh.api.pem;

import org.jspecify.annotations.NullMarked;
