/// **security**: the records of Istio's security group. Conventions as in [dev.mesh.api.networking].
@NullMarked
package dev.mesh.api.security;

import org.jspecify.annotations.NullMarked;
