/// **filter**: the contract that filters are written against, and their registries by type URL.
@NullMarked
package dev.mesh.proxy.filter;

import org.jspecify.annotations.NullMarked;
