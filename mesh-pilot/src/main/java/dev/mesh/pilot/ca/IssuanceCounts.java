package dev.mesh.pilot.ca;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/// What became of the requests for certificates since the pilot runs. Thread-safe.
public final class IssuanceCounts {
    private final LongAdder requests = new LongAdder();
    private final LongAdder unauthenticated = new LongAdder();
    private final LongAdder unidentified = new LongAdder();
    private final LongAdder malformed = new LongAdder();
    private final LongAdder issued = new LongAdder();
    private final Map<SigningError, LongAdder> unsigned = new EnumMap<>(SigningError.class);

    /// Why a request that was understood has not been signed.
    public enum SigningError {
        /// The signing certificate is not valid now.
        CA_NOT_READY,
        /// The request's key or signature is not good enough.
        CSR_ERROR,
        /// The life that is asked for is too long.
        TTL_ERROR,
        /// Too many are asked for at once.
        OVERLOADED
    }

    public IssuanceCounts() {
        for (SigningError error : SigningError.values()) {
            unsigned.put(error, new LongAdder());
        }
    }

    void request() {
        requests.increment();
    }

    void unauthenticated() {
        unauthenticated.increment();
    }

    void unidentified() {
        unidentified.increment();
    }

    void malformed() {
        malformed.increment();
    }

    void issued() {
        issued.increment();
    }

    void unsigned(SigningError error) {
        adder(error).increment();
    }

    private LongAdder adder(SigningError error) {
        LongAdder adder = unsigned.get(error);
        if (adder == null) {
            throw new IllegalStateException("no counter of " + error);
        }
        return adder;
    }

    /// All that came, in whatever they ended.
    public long requestsSoFar() {
        return requests.sum();
    }

    /// Whose caller has proven nothing.
    public long unauthenticatedSoFar() {
        return unauthenticated.sum();
    }

    /// Whose caller has a certificate that names no identity of the mesh.
    public long unidentifiedSoFar() {
        return unidentified.sum();
    }

    /// That are no certificate request.
    public long malformedSoFar() {
        return malformed.sum();
    }

    public long issuedSoFar() {
        return issued.sum();
    }

    public long unsignedSoFar(SigningError error) {
        return adder(error).sum();
    }
}
