/// **decide.explain**: a decision told to a person: which listener, chain, virtual host, rule, cluster and endpoint a
/// request gets, what else was looked at, and why it was passed over. Computed with the same tables that decide
/// requests, from a live proxy's resources or from a dump of them.
@NullMarked
package dev.mesh.api.decide.explain;

import org.jspecify.annotations.NullMarked;
