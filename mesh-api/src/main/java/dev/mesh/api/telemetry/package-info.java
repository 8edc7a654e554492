/// **telemetry**: the records of Istio's telemetry group. Conventions as in [dev.mesh.api.networking].
@NullMarked
package dev.mesh.api.telemetry;

import org.jspecify.annotations.NullMarked;
