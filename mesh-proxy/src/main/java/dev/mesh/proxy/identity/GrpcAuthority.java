package dev.mesh.proxy.identity;

import dev.mesh.api.proto.istio.auth.IstioCertificateRequest;
import dev.mesh.api.proto.istio.auth.IstioCertificateServiceGrpc;
import dev.mesh.proxy.tls.TlsFailure;
import dev.mesh.proxy.xds.ControlPlaneChannel;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Istio's `CreateCertificate`. A channel is opened for each request and closed after it: there is one in half a day.
public final class GrpcAuthority implements CertificateAuthority {
    private static final Duration DEADLINE = Duration.ofSeconds(10);

    private final String host;
    private final int port;
    private final ControlPlaneChannel.Tls tls;
    private final CallCredentials token;
    private final Path root;
    private final Clock clock;

    /// @param root the file with the authorities that the server is verified by, for messages
    public GrpcAuthority(
            String host, int port, ControlPlaneChannel.Tls tls, CallCredentials token, Path root, Clock clock) {
        this.host = host;
        this.port = port;
        this.tls = tls;
        this.token = token;
        this.root = root;
        this.clock = clock;
    }

    @Override
    public List<String> sign(String request, Duration validity) throws Unsigned {
        if (!Files.isReadable(root)) {
            throw new Unsigned("cannot verify " + address() + ": " + root + " cannot be read (expected: the ConfigMap"
                    + " istio-ca-root-cert, which the pilot puts into each namespace of the mesh)");
        }
        ManagedChannel channel = ControlPlaneChannel.open(host, port, tls, token);
        try {
            return IstioCertificateServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(DEADLINE.toMillis(), TimeUnit.MILLISECONDS)
                    .createCertificate(IstioCertificateRequest.newBuilder()
                            .setCsr(request)
                            .setValidityDuration(validity.toSeconds())
                            .build())
                    .getCertChainList();
        } catch (StatusRuntimeException e) {
            throw new Unsigned(sentence(e));
        } finally {
            channel.shutdownNow();
        }
    }

    private String address() {
        return "the certificate authority at " + host + ":" + port;
    }

    private String sentence(StatusRuntimeException failure) {
        Status status = failure.getStatus();
        String said = String.valueOf(status.getDescription());
        return switch (status.getCode()) {
            case UNAUTHENTICATED, PERMISSION_DENIED ->
                said.startsWith(PodToken.MISSING)
                        ? "cannot ask " + address() + ": " + said
                        : address() + " refused the pod's token: " + said;
            case UNIMPLEMENTED -> address() + " signs no certificates (expected: mesh-pilot or istiod, port 15012)";
            case DEADLINE_EXCEEDED -> address() + " did not answer within " + DEADLINE.toSeconds() + " s: " + said;
            case UNAVAILABLE -> unreachable(status);
            default -> address() + " refused the request: " + status.getCode() + ": " + said;
        };
    }

    private String unreachable(Status status) {
        for (Throwable cause = status.getCause(); cause != null; cause = cause.getCause()) {
            TlsFailure failure = TlsFailure.of(cause);
            if (failure != null) {
                return switch (failure.kind()) {
                    case CHAIN -> untrusted(cause);
                    case NAME ->
                        address() + " shows a certificate for another name: " + words(cause)
                                + " (look at discoveryAddress and CA_ADDR)";
                    case HASH, OTHER -> "no TLS with " + address() + ": " + words(cause);
                };
            }
            if (cause instanceof ControlPlaneChannel.NoSecret) {
                return "cannot verify " + address() + ": " + root + " holds no certificate that can be used";
            }
            if (cause instanceof UnknownHostException) {
                return "cannot reach " + address() + ": the name cannot be resolved";
            }
        }
        Throwable cause = status.getCause();
        return "cannot reach " + address() + ": " + (cause == null ? status.getDescription() : words(cause));
    }

    private String untrusted(Throwable cause) {
        String words = words(cause);
        if (words.contains("not yet valid") || words.contains("expired")) {
            Instant now = clock.instant().truncatedTo(ChronoUnit.SECONDS);
            return address() + " shows a certificate that is not valid now: " + words + " (this machine's clock says "
                    + now + "; look at both clocks)";
        }
        return address() + " is not trusted: its certificate is not signed by an authority of " + root + ": " + words;
    }

    // The innermost words that a person has a use for.
    private static String words(Throwable failure) {
        String words = "";
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause.getMessage() != null) {
                words = cause.getMessage();
            }
            if (TlsFailure.isVerdict(cause)) {
                break;
            }
        }
        return words.isEmpty() ? failure.toString() : words;
    }
}
