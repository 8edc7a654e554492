/// **admin**: the pilot's HTTP port: `/debug/...` for people and istioctl, `/ready`, and (Spring Boot's actuator)
/// `/metrics` and `/health`.
@NullMarked
package dev.mesh.pilot.admin;

import org.jspecify.annotations.NullMarked;
