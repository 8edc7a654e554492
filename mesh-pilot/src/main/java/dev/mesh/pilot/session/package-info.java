/// **session**: what proxies say of themselves beside ADS (ProxySession), and what people ask the pilot (MeshQuery).
///
///     mesh-proxy ─ProxySession─▶ ProxySessions ◀─MeshQuery─ meshctl
@NullMarked
package dev.mesh.pilot.session;

import org.jspecify.annotations.NullMarked;
