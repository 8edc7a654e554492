package dev.mesh.pilot.serve;

import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.model.Workload;
import dev.mesh.pilot.push.PushContext;
import io.grpc.Context;
import io.grpc.Status;
import java.util.List;
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

    /// Refuses a node that is not its caller's: of another namespace or service account, by what it says or by what is
    /// known of the pod that it names or whose address it has.
    ///
    /// @param nodeId `<type>~<ip>~<workload>.<namespace>~<domain>`
    /// @param namespace that the node claims to be in
    /// @param serviceAccount that it claims to have; empty: none
    /// @param addresses that it claims to have
    /// @param known the newest snapshot; null before the first
    /// @throws io.grpc.StatusRuntimeException PERMISSION_DENIED, with a sentence
    public static void check(
            @Nullable Caller caller,
            String nodeId,
            String namespace,
            String serviceAccount,
            List<String> addresses,
            @Nullable PushContext known) {
        if (caller == null) {
            return;
        }
        String[] parts = nodeId.split("~", -1);
        String workload = parts.length == 4 ? parts[2] : "";
        int dot = workload.lastIndexOf('.');
        String name = dot < 0 ? "" : workload.substring(0, dot);
        String proven = caller.identity().namespace();
        if (!namespace.equals(proven) || !workload.substring(dot + 1).equals(proven)) {
            throw denied(caller, "node \"" + nodeId + "\" of namespace \"" + namespace + "\"");
        }
        String account = caller.identity().serviceAccount();
        if (!serviceAccount.isEmpty() && !serviceAccount.equals(account)) {
            throw denied(caller, "node \"" + nodeId + "\" of service account \"" + serviceAccount + "\"");
        }
        if (!caller.pod().isEmpty() && !name.equals(caller.pod())) {
            throw denied(caller, "node \"" + nodeId + "\" (its token is the one of pod \"" + caller.pod() + "\")");
        }
        if (known == null) {
            return;
        }
        for (Workload pod : known.known().pods()) {
            if (pod.namespace().equals(proven)
                    && pod.name().equals(name)
                    && !pod.serviceAccount().equals(account)) {
                throw denied(
                        caller, "node \"" + nodeId + "\", a pod of service account \"" + pod.serviceAccount() + "\"");
            }
        }
        // Pods on their node's network share its addresses: one of the account is enough.
        var there = known.known().pods().stream()
                .filter(pod -> addresses.contains(pod.address()))
                .toList();
        if (!there.isEmpty()
                && there.stream()
                        .noneMatch(pod -> pod.namespace().equals(proven)
                                && pod.serviceAccount().equals(account))) {
            throw denied(
                    caller,
                    "node \"" + nodeId + "\" at the address of pod "
                            + there.getFirst().namespace() + "/"
                            + there.getFirst().name());
        }
    }

    private static RuntimeException denied(Caller caller, String claim) {
        return Status.PERMISSION_DENIED
                .withDescription(caller.identity() + " may not be " + claim
                        + " (expected: a node of the identity that the caller has proven)")
                .asRuntimeException();
    }
}
