/// **admin**: the endpoint for people and tools, under Envoy's paths and forms. Runs on threads of its own, so
/// that a scrape never delays a request.
@NullMarked
package dev.mesh.proxy.admin;

import org.jspecify.annotations.NullMarked;
