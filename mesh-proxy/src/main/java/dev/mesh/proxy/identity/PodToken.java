package dev.mesh.proxy.identity;

import io.grpc.CallCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;

/// The pod's service account token as the bearer token of a call. The file is read for each call, since the kubelet
/// puts a fresh one there before the old one ends.
public final class PodToken extends CallCredentials {
    static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    static final Metadata.Key<String> CLUSTER = Metadata.Key.of("clusterid", Metadata.ASCII_STRING_MARSHALLER);

    /// How a message begins that says that there is none.
    static final String MISSING = "no token: ";

    private final Path file;
    private final String cluster;
    private final BooleanSupplier optional;

    /// @param cluster the pod's cluster, which tells the authority who can judge the token; may be empty
    /// @param optional whether a call may go without, because something else proves who is calling
    public PodToken(Path file, String cluster, BooleanSupplier optional) {
        this.file = file;
        this.cluster = cluster;
        this.optional = optional;
    }

    @Override
    public void applyRequestMetadata(RequestInfo request, Executor executor, MetadataApplier applier) {
        executor.execute(() -> {
            var headers = new Metadata();
            if (!cluster.isEmpty()) {
                headers.put(CLUSTER, cluster);
            }
            try {
                headers.put(AUTHORIZATION, "Bearer " + Files.readString(file).strip());
            } catch (IOException e) {
                if (!optional.getAsBoolean()) {
                    applier.fail(Status.UNAUTHENTICATED.withDescription(missing(e)));
                    return;
                }
            }
            applier.apply(headers);
        });
    }

    private String missing(IOException e) {
        return e instanceof NoSuchFileException
                ? MISSING + file + " does not exist (expected: the projected volume istio-token, audience istio-ca)"
                : MISSING + file + " cannot be read (" + e + ")";
    }
}
