package dev.mesh.proxy.intercept;

import dev.mesh.proxy.filter.ConfigRejected;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongPredicate;

/// The command line of `mesh-proxy iptables`, with the flags of Istio's `istio-iptables`. Pure.
final class Flags {
    static final String USAGE = """
            usage: mesh-proxy iptables [options]        captures this pod's traffic
                   mesh-proxy clean-iptables [options]  takes that away
              -p, --envoy-port PORT                 of the proxy, for outbound traffic (default: 15001)
              -z, --inbound-capture-port PORT       of the proxy, for inbound traffic (default: 15006)
              -e, --inbound-tunnel-port PORT        never captured on its way in (default: 15008)
              -u, --proxy-uid UIDS                  the proxy's users, which are not captured (default: 1337)
              -g, --proxy-gid GIDS                  the proxy's groups (default: the same)
              -m, --istio-inbound-interception-mode REDIRECT|TPROXY   (default: REDIRECT)
              -t, --istio-inbound-tproxy-mark N     (default: 1337)
              -r, --istio-inbound-tproxy-route-table N   (default: 133)
              -b, --istio-inbound-ports PORTS       inbound ports to capture, or "*" (default: none)
              -d, --istio-local-exclude-ports PORTS inbound ports to leave alone, of "*"
              -i, --istio-service-cidr CIDRS        destinations to capture, or "*" (default: none)
              -x, --istio-service-exclude-cidr CIDRS     destinations to leave alone
              -q, --istio-outbound-ports PORTS      destination ports to capture, whatever the address
              -o, --istio-local-outbound-ports-exclude PORTS   destination ports to leave alone
              -c, --istio-exclude-interfaces NAMES  interfaces to leave alone
              -k, --kube-virt-interfaces NAMES      interfaces whose inbound traffic is a virtual machine's outbound
                  --redirect-dns                    questions to the name servers of /etc/resolv.conf go to 15053
                  --capture-all-dns                 all questions to port 53 do
                  --drop-invalid                    drops packets outside of their connection's window
                  --host-ipv4-loopback-cidr CIDR    (default: 127.0.0.1/32)
                  --native-nftables                 uses nft instead of iptables
              -n, --dry-run                         prints what would be done, and does nothing
                  --skip-rule-apply                 changes nothing (for --run-validation)
                  --run-validation                  tries whether traffic is captured
                  --cleanup-only                    the same as clean-iptables
            Lists are separated by commas; a range of addresses is written 10.0.0.0/8 or 2001:db8::/32.
            ISTIO_OUTBOUND_OWNER_GROUPS and ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE name the groups whose processes'
            outbound traffic is captured, or is not ("*": all).
            """;

    /// What is asked for.
    ///
    /// @param nftables whether nft is used, not iptables
    /// @param skipApply whether the rules stay as they are
    /// @param validate whether capturing is tried out
    /// @param cleanup whether the rules are taken away
    record Request(
            Settings settings,
            boolean nftables,
            boolean dryRun,
            boolean skipApply,
            boolean validate,
            boolean cleanup,
            boolean help) {}

    private static final Map<String, String> SHORT = Map.ofEntries(
            Map.entry("-p", "--envoy-port"),
            Map.entry("-z", "--inbound-capture-port"),
            Map.entry("-e", "--inbound-tunnel-port"),
            Map.entry("-u", "--proxy-uid"),
            Map.entry("-g", "--proxy-gid"),
            Map.entry("-m", "--istio-inbound-interception-mode"),
            Map.entry("-t", "--istio-inbound-tproxy-mark"),
            Map.entry("-r", "--istio-inbound-tproxy-route-table"),
            Map.entry("-b", "--istio-inbound-ports"),
            Map.entry("-d", "--istio-local-exclude-ports"),
            Map.entry("-i", "--istio-service-cidr"),
            Map.entry("-x", "--istio-service-exclude-cidr"),
            Map.entry("-q", "--istio-outbound-ports"),
            Map.entry("-o", "--istio-local-outbound-ports-exclude"),
            Map.entry("-c", "--istio-exclude-interfaces"),
            Map.entry("-k", "--kube-virt-interfaces"),
            Map.entry("-n", "--dry-run"),
            Map.entry("-h", "--help"));

    private static final List<String> SWITCHES = List.of(
            "--redirect-dns",
            "--capture-all-dns",
            "--drop-invalid",
            "--native-nftables",
            "--dry-run",
            "--skip-rule-apply",
            "--run-validation",
            "--cleanup-only",
            "--help");

    private static final List<String> VALUES = List.of("--host-ipv4-loopback-cidr");

    /// What Istio's program has and what changes nothing here: rules are always put in place as asked.
    private static final List<String> WITHOUT_EFFECT =
            List.of("--reconcile", "--force-apply", "--log_output_level", "--iptables-probe-port", "--probe-timeout");

    private final Map<String, String> given = new LinkedHashMap<>();
    private final Map<String, String> environment;
    private final List<String> reasons = new ArrayList<>();

    private Flags(Map<String, String> environment) {
        this.environment = environment;
    }

    /// @param environment `ISTIO_META_DNS_CAPTURE`, `INVALID_DROP` and the owner groups are looked at
    /// @throws ConfigRejected with every reason
    static Request parse(List<String> args, Map<String, String> environment) throws ConfigRejected {
        var flags = new Flags(environment);
        flags.take(args);
        Request request = flags.request();
        if (!flags.reasons.isEmpty()) {
            throw new ConfigRejected(flags.reasons);
        }
        return request;
    }

    private void take(List<String> args) {
        for (int i = 0; i < args.size(); i++) {
            String written = args.get(i);
            int equals = written.startsWith("-") ? written.indexOf('=') : -1;
            String name = equals > 0 ? written.substring(0, equals) : written;
            String full = SHORT.getOrDefault(name, name);
            if (SWITCHES.contains(full)) {
                given.put(full, equals > 0 ? written.substring(equals + 1) : "true");
            } else if (SHORT.containsValue(full) || VALUES.contains(full) || WITHOUT_EFFECT.contains(full)) {
                boolean bare = WITHOUT_EFFECT.subList(0, 2).contains(full);
                if (equals > 0) {
                    given.put(full, written.substring(equals + 1));
                } else if (bare) {
                    given.put(full, "true");
                } else if (i + 1 < args.size()) {
                    given.put(full, args.get(++i));
                } else {
                    reasons.add(written + ": its value is missing");
                }
            } else {
                reasons.add(written + ": unknown option");
            }
        }
    }

    private Request request() {
        List<Long> users = ids("--proxy-uid", given.getOrDefault("--proxy-uid", ""));
        if (users.isEmpty()) {
            users = List.of(1337L);
        }
        List<Long> groups = ids("--proxy-gid", given.getOrDefault("--proxy-gid", ""));
        if (groups.isEmpty()) {
            groups = users;
        }
        String included = environment.getOrDefault("ISTIO_OUTBOUND_OWNER_GROUPS", "*");
        var settings = new Settings(
                port("--envoy-port", 15001),
                port("--inbound-capture-port", 15006),
                port("--inbound-tunnel-port", 15008),
                users,
                groups,
                mode(),
                number("--istio-inbound-tproxy-mark", 1337, value -> value > 0 && value <= 0xffffffffL, "1-4294967295"),
                // Tables 253-255 are the system's.
                (int) number("--istio-inbound-tproxy-route-table", 133, value -> value > 0 && value < 253, "1-252"),
                inbound(),
                ports("--istio-local-exclude-ports"),
                cidrs("--istio-service-cidr", true),
                cidrs("--istio-service-exclude-cidr", false),
                ports("--istio-outbound-ports"),
                ports("--istio-local-outbound-ports-exclude"),
                interfaces("--istio-exclude-interfaces"),
                interfaces("--kube-virt-interfaces"),
                included.equals("*") ? List.of() : ids("ISTIO_OUTBOUND_OWNER_GROUPS", included),
                ids(
                        "ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE",
                        environment.getOrDefault("ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE", "")),
                dns(),
                List.of(),
                is("--drop-invalid", "INVALID_DROP"),
                loopback());
        if (!settings.ownerGroups().isEmpty() && !settings.excludedOwnerGroups().isEmpty()) {
            reasons.add("ISTIO_OUTBOUND_OWNER_GROUPS and ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE exclude each other");
        }
        if (settings.outboundPort() == settings.inboundPort()) {
            reasons.add("--inbound-capture-port: " + settings.inboundPort() + " is --envoy-port too");
        }
        return new Request(
                settings,
                is("--native-nftables"),
                is("--dry-run"),
                is("--skip-rule-apply"),
                is("--run-validation"),
                is("--cleanup-only"),
                is("--help"));
    }

    private Settings.Mode mode() {
        String written = given.getOrDefault("--istio-inbound-interception-mode", "");
        return switch (written.toUpperCase(Locale.ROOT)) {
            case "", "REDIRECT" -> Settings.Mode.REDIRECT;
            case "TPROXY" -> Settings.Mode.TPROXY;
            default -> {
                reasons.add("--istio-inbound-interception-mode: \"" + written + "\" (expected: REDIRECT or TPROXY)");
                yield Settings.Mode.REDIRECT;
            }
        };
    }

    private Settings.DnsCapture dns() {
        if (!is("--redirect-dns", "ISTIO_META_DNS_CAPTURE")) {
            return Settings.DnsCapture.OFF;
        }
        return is("--capture-all-dns") ? Settings.DnsCapture.ALL : Settings.DnsCapture.SERVERS;
    }

    private Settings.Ports inbound() {
        return given.getOrDefault("--istio-inbound-ports", "").trim().equals("*")
                ? new Settings.Ports(true, List.of())
                : new Settings.Ports(false, ports("--istio-inbound-ports"));
    }

    private String loopback() {
        String written = given.getOrDefault("--host-ipv4-loopback-cidr", "");
        if (!written.isEmpty() && (!isCidr(written) || !written.startsWith("127."))) {
            reasons.add("--host-ipv4-loopback-cidr: \"" + written + "\" (expected: a range of 127.0.0.0/8)");
        }
        return written.isEmpty() ? "127.0.0.1/32" : written;
    }

    private boolean is(String name, String variable) {
        return given.containsKey(name) ? is(name) : truth(variable, environment.getOrDefault(variable, "false"));
    }

    private boolean is(String name) {
        return truth(name, given.getOrDefault(name, "false"));
    }

    private boolean truth(String name, String written) {
        return switch (written.toLowerCase(Locale.ROOT)) {
            case "true", "1" -> true;
            case "false", "0", "" -> false;
            default -> {
                reasons.add(name + ": \"" + written + "\" (expected: true or false)");
                yield false;
            }
        };
    }

    private int port(String name, int usual) {
        return (int) number(name, usual, value -> value > 0 && value <= 65535, "1-65535");
    }

    private long number(String name, long usual, LongPredicate valid, String expected) {
        String written = given.getOrDefault(name, "");
        if (written.isEmpty()) {
            return usual;
        }
        if (!written.matches("[0-9]{1,10}") || !valid.test(Long.parseLong(written))) {
            reasons.add(name + ": \"" + written + "\" (expected: " + expected + ")");
            return usual;
        }
        return Long.parseLong(written);
    }

    private static List<String> split(String written) {
        var parts = new ArrayList<String>();
        for (String part : written.split(",", -1)) {
            if (!part.isBlank()) {
                parts.add(part.trim());
            }
        }
        return parts;
    }

    private List<Integer> ports(String name) {
        var ports = new ArrayList<Integer>();
        for (String part : split(given.getOrDefault(name, ""))) {
            if (!part.matches("[0-9]{1,5}") || Integer.parseInt(part) > 65535) {
                reasons.add(name + ": \"" + part + "\" (expected: ports 0-65535, separated by commas)");
            } else if (!ports.contains(Integer.parseInt(part))) {
                ports.add(Integer.parseInt(part));
            }
        }
        return List.copyOf(ports);
    }

    private List<Long> ids(String name, String written) {
        var ids = new ArrayList<Long>();
        for (String part : split(written)) {
            if (!part.matches("[0-9]{1,10}") || Long.parseLong(part) > 0xfffffffeL) {
                reasons.add(name + ": \"" + part + "\" (expected: numbers, separated by commas)");
            } else {
                ids.add(Long.parseLong(part));
            }
        }
        return List.copyOf(ids);
    }

    private List<String> interfaces(String name) {
        List<String> parts = split(given.getOrDefault(name, ""));
        for (String part : parts) {
            if (!part.matches("[^\\s/\"!]{1,15}")) {
                reasons.add(name + ": \"" + part + "\" (expected: names of interfaces, separated by commas)");
            }
        }
        return List.copyOf(parts);
    }

    private Settings.Cidrs cidrs(String name, boolean anyAllowed) {
        String written = given.getOrDefault(name, "").trim();
        if (written.equals("*")) {
            if (!anyAllowed) {
                reasons.add(name + ": \"*\" would leave everything alone (expected: ranges)");
            }
            return new Settings.Cidrs(true, List.of(), List.of());
        }
        var four = new ArrayList<String>();
        var six = new ArrayList<String>();
        for (String part : split(written)) {
            if (isCidr(part)) {
                (part.contains(":") ? six : four).add(part);
            } else {
                reasons.add(name + ": \"" + part + "\" (expected: ranges like 10.0.0.0/8, separated by commas"
                        + (anyAllowed ? ", or \"*\")" : ")"));
            }
        }
        return new Settings.Cidrs(false, List.copyOf(four), List.copyOf(six));
    }

    private static boolean isCidr(String written) {
        int slash = written.indexOf('/');
        if (slash <= 0 || !written.substring(slash + 1).matches("[0-9]{1,3}")) {
            return false;
        }
        String address = written.substring(0, slash);
        if (!address.contains(":") && !address.matches("[0-9]{1,3}(\\.[0-9]{1,3}){3}")) {
            return false;
        }
        try {
            return Integer.parseInt(written.substring(slash + 1))
                    <= InetAddress.ofLiteral(address).getAddress().length * 8;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
