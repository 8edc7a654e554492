package dev.mesh.proxy.identity;

import java.time.Duration;
import java.util.List;

/// Signs certificates of workloads. Called on a virtual thread; may block.
public interface CertificateAuthority {
    /// No certificate was had. The message is a sentence for a person: what failed, where, what to look at.
    final class Unsigned extends Exception {
        private static final long serialVersionUID = 1;

        public Unsigned(String sentence) {
            super(sentence, null, false, false);
        }
    }

    /// @param request PKCS #10, as PEM
    /// @param validity that is asked for; the authority may give less
    /// @return blocks of PEM: the certificate first, then intermediates; of several blocks the last is the root, or
    /// all roots while one is replaced
    /// @throws Unsigned with the reason
    List<String> sign(String request, Duration validity) throws Unsigned;
}
