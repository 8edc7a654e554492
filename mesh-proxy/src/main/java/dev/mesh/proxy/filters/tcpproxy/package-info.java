/// **filters.tcpproxy**: copies bytes both ways between a connection and a host of a cluster.
@NullMarked
package dev.mesh.proxy.filters.tcpproxy;

import org.jspecify.annotations.NullMarked;
