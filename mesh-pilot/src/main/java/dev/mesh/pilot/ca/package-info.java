/// **ca**: the certificates of the mesh. [RootStore] holds the signing key in a Secret, [CertificateAuthority] signs,
/// [CertificateService] answers workloads, [Authentication] tells who is calling, [RootDistribution] gives the root to
/// every namespace; `webhook.CaBundles` gives it to the API server. [KubernetesSecretAccess] asks who may be given
/// the Secrets that hold certificates of gateways.
///
/// May use: `model`, `serve` (the caller's key). Used by: `boot`. No leader: every replica writes the same bytes.
@NullMarked
package dev.mesh.pilot.ca;

import org.jspecify.annotations.NullMarked;
