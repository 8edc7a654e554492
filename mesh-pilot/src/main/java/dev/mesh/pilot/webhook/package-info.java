/// **webhook**: what the API server asks before it keeps an object: pods get proxies (`/inject`), objects of the mesh
/// are
/// checked (`/validate`). Decodes, asks the pure rooms, encodes; and follows the settings that this depends on.
@NullMarked
package dev.mesh.pilot.webhook;

import org.jspecify.annotations.NullMarked;
