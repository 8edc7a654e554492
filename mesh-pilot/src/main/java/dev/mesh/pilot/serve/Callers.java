package dev.mesh.pilot.serve;

import dev.mesh.pilot.model.Caller;
import io.grpc.Context;
import io.grpc.Status;
import org.jspecify.annotations.Nullable;

/// Who is calling, and which proxy that caller may be. The key has no value on the loopback port, where the machine
/// itself is trusted.
public final class Callers {
    /// Set for each call on the port that demands an identity.
    public static final Context.Key<Caller> CALLER = Context.key("caller");

    private Callers() {}

    /// The one who calls; null on the loopback port.
    public static @Nullable Caller current() {
        return CALLER.get();
    }

    /// Refuses a node that is not its caller's.
    ///
    /// @param nodeId `<type>~<ip>~<workload>.<namespace>~<domain>`
    /// @param namespace that the node claims to be in
    /// @param serviceAccount that it claims to have; empty: none
    /// @throws io.grpc.StatusRuntimeException PERMISSION_DENIED, with a sentence
    public static void check(@Nullable Caller caller, String nodeId, String namespace, String serviceAccount) {
        if (caller == null) {
            return;
        }
        String[] parts = nodeId.split("~", -1);
        String workload = parts.length == 4 ? parts[2] : "";
        String inId = workload.substring(workload.lastIndexOf('.') + 1);
        String proven = caller.identity().namespace();
        if (!namespace.equals(proven) || !inId.equals(proven)) {
            throw denied(caller, "node \"" + nodeId + "\" of namespace \"" + namespace + "\"");
        }
        if (!serviceAccount.isEmpty()
                && !serviceAccount.equals(caller.identity().serviceAccount())) {
            throw denied(caller, "node \"" + nodeId + "\" of service account \"" + serviceAccount + "\"");
        }
        if (!caller.pod().isEmpty() && !workload.equals(caller.pod() + "." + proven)) {
            throw denied(caller, "node \"" + nodeId + "\" (its token is the one of pod \"" + caller.pod() + "\")");
        }
    }

    private static RuntimeException denied(Caller caller, String claim) {
        return Status.PERMISSION_DENIED
                .withDescription(caller.identity() + " may not be " + claim
                        + " (expected: a node of the identity that the caller has proven)")
                .asRuntimeException();
    }
}
