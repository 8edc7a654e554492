package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.tls.Secrets;
import dev.mesh.proxy.tls.TlsContexts;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The proxy's own secrets, and those that the control plane gives it by name (SDS over ADS). Looked at by any thread,
/// changed on the configuration thread under the loader's lock.
///
/// A secret that goes away at the control plane stays, and so does one whose successor is no good: nothing is served
/// in their place.
final class LiveSecrets implements Secrets {
    private final Secrets own;
    private final boolean fetches;
    private final Ledger ledger;
    private final Map<String, Secret> fetched = new ConcurrentHashMap<>();
    private final Set<String> absent = new TreeSet<>();

    /// @param own the proxy's
    /// @param fetches whether there is a control plane to ask
    LiveSecrets(Secrets own, boolean fetches, Ledger ledger) {
        this.own = own;
        this.fetches = fetches;
        this.ledger = ledger;
    }

    @Override
    public boolean offers(String name) {
        return own.offers(name);
    }

    @Override
    public boolean fetches() {
        return fetches;
    }

    @Override
    public @Nullable Secret find(String name) {
        return own.offers(name) ? own.find(name) : fetched.get(name);
    }

    @Override
    public List<String> names() {
        return own.names();
    }

    @Override
    public List<Secret> all() {
        var all = new ArrayList<>(own.all());
        all.addAll(fetched.values());
        return all;
    }

    /// Whether nothing more is to be waited for: it is there, or the control plane has said that it is not.
    boolean isSettled(String name) {
        return own.offers(name) || fetched.containsKey(name) || absent.contains(name);
    }

    /// Those of the names that the control plane is to be asked for.
    Set<String> wanted(Collection<String> named) {
        var wanted = new TreeSet<String>();
        named.stream().filter(name -> !own.offers(name)).forEach(wanted::add);
        return wanted;
    }

    /// @throws ConfigRejected with every reason why it cannot be used
    static void check(Secret secret) throws ConfigRejected {
        TlsContexts.check(secret);
    }

    /// Takes a secret: who names it uses it for the next handshake.
    ///
    /// @throws ConfigRejected with every reason; then the last one stays
    void put(Loader.Update update, Secret secret) throws ConfigRejected {
        check(secret);
        absent.remove(update.name());
        Secret before = fetched.get(update.name());
        if (!secret.equals(before)) {
            fetched.put(update.name(), secret);
        }
        ledger.record(XdsType.SECRET, update.name(), update.version(), redacted(update.name()), "");
    }

    // Dumps and reports say that it is there, not what it is.
    private static Any redacted(String name) {
        return Packed.pack(Secret.newBuilder().setName(name).build());
    }

    /// The control plane has no such secret; one that was there before stays.
    void gone(String name) {
        absent.add(name);
    }

    /// Forgets those that nobody names.
    void forgetUnwanted(Set<String> wanted) {
        absent.retainAll(wanted);
        for (String name : List.copyOf(fetched.keySet())) {
            if (!wanted.contains(name)) {
                fetched.remove(name);
                ledger.forget(XdsType.SECRET, name);
            }
        }
    }
}
