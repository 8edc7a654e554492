package dev.mesh.pilot.ca;

import dev.mesh.api.proto.istio.auth.IstioCertificateRequest;
import dev.mesh.api.proto.istio.auth.IstioCertificateResponse;
import dev.mesh.api.proto.istio.auth.IstioCertificateServiceGrpc;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.serve.Callers;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Istio's `CreateCertificate`. As many are signed at once as there are processors; who has to wait too long is told
/// to come again.
public final class CertificateService extends IstioCertificateServiceGrpc.IstioCertificateServiceImplBase {
    private static final Logger LOGGER = LoggerFactory.getLogger(CertificateService.class);
    private static final int PATIENCE_SECONDS = 5;

    private final CertificateAuthority authority;
    private final Semaphore signing =
            new Semaphore(Math.max(1, Runtime.getRuntime().availableProcessors()), true);
    private final IssuanceCounts counts;

    /// @param counts told what becomes of each request that comes here; who is refused before, [Authentication] tells
    public CertificateService(CertificateAuthority authority, IssuanceCounts counts) {
        this.authority = authority;
        this.counts = counts;
    }

    @Override
    public void createCertificate(IstioCertificateRequest request, StreamObserver<IstioCertificateResponse> out) {
        counts.request();
        Caller caller = Callers.current();
        if (caller == null) {
            counts.unauthenticated();
            out.onError(Status.UNAUTHENTICATED
                    .withDescription("who calls has proven no identity")
                    .asRuntimeException());
            return;
        }
        try {
            if (!signing.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                counts.unsigned(IssuanceCounts.SigningError.OVERLOADED);
                out.onError(Status.RESOURCE_EXHAUSTED
                        .withDescription("too many certificates are asked for at once; try again")
                        .asRuntimeException());
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            out.onError(
                    Status.UNAVAILABLE.withDescription("the pilot is stopping").asRuntimeException());
            return;
        }
        CertificateAuthority.Signed signed;
        try {
            signed = authority.sign(
                    request.getCsr(), caller.identity(), Duration.ofSeconds(bounded(request.getValidityDuration())));
        } catch (CertificateAuthority.Refused e) {
            if (e.error() == null) {
                counts.malformed();
            } else {
                counts.unsigned(e.error());
            }
            LOGGER.atWarn().addKeyValue("identity", caller.identity()).log("no certificate: {}", e.getMessage());
            out.onError(Status.INVALID_ARGUMENT.withDescription(e.getMessage()).asRuntimeException());
            return;
        } finally {
            signing.release();
        }
        counts.issued();
        LOGGER.atInfo()
                .addKeyValue("identity", caller.identity())
                .addKeyValue("until", signed.chain().getFirst().getNotAfter().toInstant())
                .log("signed a certificate");
        out.onNext(IstioCertificateResponse.newBuilder()
                .addAllCertChain(signed.pem())
                .build());
        out.onCompleted();
    }

    private static long bounded(long seconds) {
        return Math.clamp(seconds, -1, Integer.MAX_VALUE);
    }
}
