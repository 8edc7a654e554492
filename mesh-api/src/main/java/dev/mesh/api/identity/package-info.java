/// **identity**: who a workload is.
@NullMarked
package dev.mesh.api.identity;

import org.jspecify.annotations.NullMarked;
