package dev.mesh.proxy.intercept;

import dev.mesh.proxy.filter.ConfigRejected;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// `mesh-proxy iptables` and `mesh-proxy clean-iptables`.
public final class InterceptCommand {
    /// Exit code when the rules are there and have no effect, as Istio's.
    private static final int NOT_VALID = 126;

    private InterceptCommand() {}

    /// @param name of the command
    /// @param args what stands after it
    /// @return the exit code: 0, 1 = cannot be done, 2 = wrong flags, 126 = traffic is not captured as it should
    public static int run(String name, List<String> args, PrintStream out, PrintStream err) {
        return run(name, args, System.getenv(), Machine.here(), out, err);
    }

    static int run(
            String name,
            List<String> args,
            Map<String, String> environment,
            Machine machine,
            PrintStream out,
            PrintStream err) {
        String speaker = "mesh-proxy " + name + ": ";
        Flags.Request request;
        try {
            request = Flags.parse(args, environment);
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> err.println(speaker + reason));
            err.println("(mesh-proxy " + name + " --help says what there is)");
            return 2;
        }
        if (request.help()) {
            out.print(Flags.USAGE);
            return 0;
        }
        Settings settings = request.settings().with(machine.nameServers());
        if (settings.redirectDns() == Settings.DnsCapture.SERVERS
                && settings.nameServers().isEmpty()) {
            err.println(speaker + "--redirect-dns: /etc/resolv.conf names no server, so no question is captured"
                    + " (--capture-all-dns captures all)");
            settings = settings.withoutDns();
        }
        var families = new ArrayList<Family>(List.of(Family.IPV4));
        if (machine.ipv6()) {
            families.add(Family.IPV6);
        }
        var interception = new Interception(new Programs(environment.getOrDefault("PATH", "")), settings, families);
        boolean cleanup = name.equals("clean-iptables") || request.cleanup();
        if (request.dryRun()) {
            out.print(cleanup ? "" : interception.plan(request.nftables()));
            return 0;
        }
        if (!machine.mayAdminister() && (cleanup || !request.skipApply())) {
            err.println(speaker + "this process may not change the network's rules: it needs the capability NET_ADMIN"
                    + " (securityContext.capabilities.add of the init container), and to run as root");
            return 1;
        }
        try {
            if (cleanup) {
                interception.clean();
                return 0;
            }
            if (!request.skipApply()) {
                interception.apply(request.nftables());
            }
        } catch (IOException e) {
            err.println(speaker + e.getMessage());
            return 1;
        }
        if (!request.validate()) {
            return 0;
        }
        try {
            // Who may not change the rules may not read them either.
            if (machine.mayAdminister() && !interception.isApplied(request.nftables())) {
                err.println(speaker + "the rules are not in place");
                return NOT_VALID;
            }
            boolean asProxy = settings.users().contains(machine.user());
            for (Family family : families) {
                out.println(speaker + (asProxy ? Probe.asProxy(settings, family) : Probe.run(settings, family)));
            }
            return 0;
        } catch (IOException e) {
            err.println(speaker + e.getMessage());
            return NOT_VALID;
        }
    }
}
