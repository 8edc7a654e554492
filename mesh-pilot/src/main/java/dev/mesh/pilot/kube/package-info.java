/// **kube**: a Kubernetes API server as source of configuration, watched. What is kept is what the mesh looks at; the
/// objects as the API server gave them are let go at once. Of Secrets only those are read that a Gateway or a
/// DestinationRule names ([dev.mesh.pilot.kube.NamedSecrets]), of service accounts
/// name and UID ([dev.mesh.pilot.kube.ServiceAccounts]).
@NullMarked
package dev.mesh.pilot.kube;

import org.jspecify.annotations.NullMarked;
