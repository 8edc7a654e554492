/// **identity**: who this workload is. Makes a key, has it signed with the pod's token
/// ([dev.mesh.proxy.identity.CertificateAuthority]), and gives the certificate to whoever needs it as a secret of SDS
/// ([dev.mesh.proxy.identity.WorkloadIdentity]), a new one in time. Keys stay in memory.
///
///     Waiting ──signed──▶ Valid ──half of its life──▶ renewing: the old one serves until the new one is there
///        ▲  └─failed: backoff─┘                             │
///        └──────────────────── expired ─────────────────────┘
@NullMarked
package dev.mesh.proxy.identity;

import org.jspecify.annotations.NullMarked;
