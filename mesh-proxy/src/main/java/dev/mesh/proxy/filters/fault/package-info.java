/// **fault**: injects delays and errors into a share of requests (`envoy.filters.http.fault`).
@NullMarked
package dev.mesh.proxy.filters.fault;

import org.jspecify.annotations.NullMarked;
