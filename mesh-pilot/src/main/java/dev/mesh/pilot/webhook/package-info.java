/// **webhook**: what the API server asks before it keeps an object: pods get proxies (`/inject`), objects of the mesh
/// are
/// checked (`/validate`). Decodes, asks the pure rooms, encodes; follows the settings that this depends on, and keeps
/// its
/// own configurations right ([CaBundles], [ValidationPolicy]).
@NullMarked
package dev.mesh.pilot.webhook;

import org.jspecify.annotations.NullMarked;
