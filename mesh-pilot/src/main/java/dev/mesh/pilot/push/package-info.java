/// **push**: makes immutable snapshots and decides who must hear.
///
///     ChangeSet ─▶ Debouncer ─▶ PushContextBuilder ─▶ PushContext ─▶ PushQueue ─▶ PushTarget
@NullMarked
package dev.mesh.pilot.push;

import org.jspecify.annotations.NullMarked;
