package dev.mesh.proxy.intercept;

import dev.mesh.proxy.filter.ConfigRejected;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// What `mesh-proxy iptables` does, in the network namespace of another: how the node agent does it for a pod. Needs
/// `SYS_ADMIN` to enter the namespace, `NET_ADMIN` and `NET_RAW` to change it.
public final class NamespaceInterception {
    private NamespaceInterception() {}

    /// Puts the rules in place; what of ours was there before is gone. Blocks.
    ///
    /// @param namespace the file of the network namespace
    /// @param args the flags of `mesh-proxy iptables`
    /// @param environment that these flags are read beside, of the pod's container
    /// @param nameServers of the pod
    /// @return what has been done, in a few words
    /// @throws ConfigRejected if the flags are wrong, with every reason
    /// @throws IOException with a sentence for people
    public static String apply(
            String namespace, List<String> args, Map<String, String> environment, List<String> nameServers)
            throws ConfigRejected, IOException {
        Flags.Request request = Flags.parse(args, environment);
        Settings settings = request.settings().with(nameServers);
        if (request.cleanup() || request.help()) {
            throw new ConfigRejected(
                    "--cleanup-only and --help lay no rules (expected: flags that say what to capture)");
        }
        if (settings.redirectDns() == Settings.DnsCapture.SERVERS && nameServers.isEmpty()) {
            settings = settings.withoutDns();
        }
        var programs = new Programs(System.getenv().getOrDefault("PATH", ""), namespace);
        Programs.Result addresses = programs.run("", "cat", "/proc/net/if_inet6");
        if (!addresses.isSuccess() && addresses.complaint().contains("nsenter")) {
            throw new IOException("the pod's network cannot be entered: " + addresses.complaint());
        }
        var families = new ArrayList<Family>(List.of(Family.IPV4));
        if (Machine.of(addresses.output(), "", "").ipv6()) {
            families.add(Family.IPV6);
        }
        new Interception(programs, settings, families).apply(request.nftables());
        return settings.mode() + " for " + families + (request.nftables() ? " with nft" : "");
    }

    /// The name servers of this process.
    ///
    /// @throws IOException if `/etc/resolv.conf` cannot be read
    public static List<String> nameServers() throws IOException {
        return Machine.nameServers(Files.readString(Path.of("/etc/resolv.conf"), StandardCharsets.UTF_8));
    }
}
