/// **shop**: the sample services of the local mesh, each a process of its own.
///
///     browser ─▶ storefront ─HTTP─▶ reviews v1, v2 ─gRPC─▶ ratings
///                    ├──────HTTP──▶ cart ─gRPC─▶ catalog
///                    └──────gRPC──▶ catalog ─TCP─▶ stock
///
/// They know nothing of the mesh: they call each other by ordinary names and hand on the headers that tracing asks
/// of every application.
@NullMarked
package dev.mesh.examples.shop;

import org.jspecify.annotations.NullMarked;
