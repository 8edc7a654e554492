/// **session**: the second stream to the pilot: says what is in effect, and answers the pilot's questions.
@NullMarked
package dev.mesh.proxy.session;

import org.jspecify.annotations.NullMarked;
