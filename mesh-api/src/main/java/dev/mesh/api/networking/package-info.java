/// **networking**: the records of Istio's networking group, with every field of the 1.31 API, honoured or not.
///
/// Unset text is empty, unset numbers are 0, unset lists and maps are empty, as in Istio's own API; what can be
/// told apart from its default is nullable. A value here was read, not judged: see [dev.mesh.api.validate].
@NullMarked
package dev.mesh.api.networking;

import org.jspecify.annotations.NullMarked;
