/// **client**: how meshctl reaches what it looks into: an admin endpoint by HTTP, a dump from a file. Answers are
/// Envoy's admin forms as plain JSON trees, whoever gave them.
@NullMarked
package dev.mesh.cli.client;

import org.jspecify.annotations.NullMarked;
