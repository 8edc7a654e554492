package dev.mesh.proxy.identity;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.StringReader;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.Extensions;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.jspecify.annotations.Nullable;

/// An authority in the test's own process that reads requests with Bouncy Castle and really signs them.
public final class SigningAuthority implements CertificateAuthority {
    private final Clock clock;
    private final X509Bundle root;
    private final X509Bundle intermediate;
    private final List<String> asked = new ArrayList<>();
    private Duration validity = Duration.ofHours(24);
    private Duration skew = Duration.ZERO;
    private @Nullable String refusal;
    private boolean othersKey;
    private String otherRoot = "";
    private boolean oneBlock;

    public SigningAuthority(Clock clock) throws Exception {
        this.clock = clock;
        Instant from = clock.instant().minus(Duration.ofDays(1));
        root = new CertificateBuilder()
                .subject("CN=root")
                .ecp256()
                .notBefore(from)
                .notAfter(from.plus(Duration.ofDays(3650)))
                .setIsCertificateAuthority(true)
                .buildSelfSigned();
        intermediate = new CertificateBuilder()
                .subject("CN=intermediate")
                .ecp256()
                .notBefore(from)
                .notAfter(from.plus(Duration.ofDays(3650)))
                .setIsCertificateAuthority(true)
                .buildIssuedBy(root);
    }

    public String root() {
        return root.getCertificatePEM();
    }

    /// A certificate of a server with this DNS name.
    public X509Bundle server(String name) throws Exception {
        return new CertificateBuilder()
                .subject("CN=" + name)
                .ecp256()
                .notBefore(clock.instant().minus(Duration.ofHours(1)))
                .notAfter(clock.instant().plus(Duration.ofDays(90)))
                .addSanDnsName(name)
                .buildIssuedBy(root);
    }

    public synchronized void validity(Duration each) {
        validity = each;
    }

    /// What its clock is ahead of the others'.
    public synchronized void skew(Duration ahead) {
        skew = ahead;
    }

    /// @param sentence null = sign again
    public synchronized void refuse(@Nullable String sentence) {
        refusal = sentence;
    }

    public synchronized void signAnothersKey(boolean yes) {
        othersKey = yes;
    }

    /// @param pem that its answers end with beside its own root, in the same block
    public synchronized void replacedBy(String pem) {
        otherRoot = pem;
    }

    /// Whether its answers are one block of all certificates.
    public synchronized void oneBlock(boolean yes) {
        oneBlock = yes;
    }

    /// The names that were asked for, by request.
    public synchronized List<String> asked() {
        return List.copyOf(asked);
    }

    @Override
    public synchronized List<String> sign(String request, Duration wanted) throws Unsigned {
        asked.add("");
        if (refusal != null) {
            throw new Unsigned(refusal);
        }
        try (var parser = new PEMParser(new StringReader(request))) {
            var csr = (PKCS10CertificationRequest) parser.readObject();
            if (!csr.isSignatureValid(new JcaContentVerifierProviderBuilder().build(csr.getSubjectPublicKeyInfo()))) {
                throw new Unsigned("the request is not signed by its key");
            }
            Extensions extensions = csr.getRequestedExtensions();
            var names = GeneralNames.fromExtensions(extensions, Extension.subjectAlternativeName);
            String uri = names.getNames()[0].getName().toString();
            if (!extensions.getExtension(Extension.subjectAlternativeName).isCritical()
                    || csr.getSubject().getRDNs().length > 0) {
                throw new Unsigned("a request without a subject has critical names");
            }
            asked.set(asked.size() - 1, uri);
            Instant now = clock.instant().plus(skew);
            var builder = new CertificateBuilder()
                    .subject("O=test")
                    .ecp256()
                    .notBefore(now.minusSeconds(120))
                    .notAfter(now.minusSeconds(120).plus(validity))
                    .addSanUriName(URI.create(uri));
            if (!othersKey) {
                builder.publicKey(new JcaPEMKeyConverter().getPublicKey(csr.getSubjectPublicKeyInfo()));
            }
            var signed = builder.buildIssuedBy(intermediate);
            var blocks = List.of(
                    signed.getCertificatePEM(), intermediate.getCertificatePEM(), root.getCertificatePEM() + otherRoot);
            return oneBlock ? List.of(String.join("", blocks)) : blocks;
        } catch (Unsigned e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
