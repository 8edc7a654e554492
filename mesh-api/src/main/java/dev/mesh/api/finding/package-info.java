/// **finding**: remarks on what a user wrote. The same value feeds the webhook, the status of an object,
/// the pilot's log and `meshctl`.
@NullMarked
package dev.mesh.api.finding;

import org.jspecify.annotations.NullMarked;
