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
import java.util.concurrent.atomic.AtomicLong;
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
    private final AtomicLong requests = new AtomicLong();
    private final AtomicLong issued = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();

    public CertificateService(CertificateAuthority authority) {
        this.authority = authority;
    }

    /// Requests so far (Istio: `citadel_server_csr_count`).
    public long requests() {
        return requests.get();
    }

    /// Certificates signed so far (Istio: `citadel_server_success_cert_issuance_count`).
    public long issued() {
        return issued.get();
    }

    /// Requests refused so far (Istio: `citadel_server_csr_parsing_err_count`).
    public long refused() {
        return refused.get();
    }

    @Override
    public void createCertificate(IstioCertificateRequest request, StreamObserver<IstioCertificateResponse> out) {
        requests.incrementAndGet();
        Caller caller = Callers.current();
        if (caller == null) {
            out.onError(Status.UNAUTHENTICATED
                    .withDescription("who calls has proven no identity")
                    .asRuntimeException());
            return;
        }
        try {
            if (!signing.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
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
            refused.incrementAndGet();
            LOGGER.atWarn().addKeyValue("identity", caller.identity()).log("no certificate: {}", e.getMessage());
            out.onError(Status.INVALID_ARGUMENT.withDescription(e.getMessage()).asRuntimeException());
            return;
        } finally {
            signing.release();
        }
        issued.incrementAndGet();
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
