/// **dns**: answers the application's DNS questions, which interception sends here: names of the mesh from the table
/// that the control plane sends ([dev.mesh.proxy.dns.Names]), all others by the pod's own name servers
/// ([dev.mesh.proxy.dns.Forwarder]). What Istio's agent does beside Envoy.
///
/// Messages are read and written here rather than by Netty's codec-dns: what is forwarded must keep every byte but the
/// number of the question, and that codec, which knows few kinds of records, would write compressed names of the others
/// anew without what they point to.
@NullMarked
package dev.mesh.proxy.dns;

import org.jspecify.annotations.NullMarked;
