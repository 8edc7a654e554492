package dev.mesh.pilot.webhook;

import javax.net.ssl.X509ExtendedKeyManager;

/// The certificate that the pilot shows on its HTTPS port.
@FunctionalInterface
public interface ServingCertificate {
    /// Answers each handshake with the certificate of that moment, so a renewed one needs no restart. Asked once.
    X509ExtendedKeyManager keyManager();
}
