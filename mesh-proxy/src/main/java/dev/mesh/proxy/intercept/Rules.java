package dev.mesh.proxy.intercept;

import dev.mesh.proxy.intercept.Rule.Match;
import dev.mesh.proxy.intercept.Rule.Target;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The rules of one family of addresses: tables in the order raw, mangle, nat, each with its chains. Immutable.
///
/// A chain of the kernel's (`PREROUTING`, `OUTPUT`) has nothing but one jump to a chain of ours, so that our rules
/// are replaced and taken away without touching another's. What the chains do is what Istio's `istio-iptables` does.
record Rules(Family family, List<Table> tables) {
    static final String OUTPUT = "ISTIO_OUTPUT";
    static final String OUTPUT_DNS = "ISTIO_OUTPUT_DNS";
    static final String REDIRECT = "ISTIO_REDIRECT";
    static final String IN_REDIRECT = "ISTIO_IN_REDIRECT";
    static final String INBOUND = "ISTIO_INBOUND";
    static final String TPROXY = "ISTIO_TPROXY";
    static final String DIVERT = "ISTIO_DIVERT";

    /// All chains of ours begin so.
    static final String PREFIX = "ISTIO_";

    static final int DNS_PORT = 15053;

    /// What the proxy's own calls to its pod are marked with on their way out, so that they are captured on their
    /// way in (TPROXY).
    static final long OUTBOUND_MARK = 1338;

    private static final Match TCP = new Match.Protocol("tcp");
    private static final Match UDP = new Match.Protocol("udp");
    private static final Target RETURN = new Target.Return();

    /// @param jumps chain of the kernel's → the rule that leads to ours
    /// @param chains ours, in the order of their making
    record Table(String name, Map<String, Rule> jumps, Map<String, List<Rule>> chains) {}

    /// The tables that are needed for a family of addresses.
    static Rules of(Settings settings, Family family) {
        return new Builder(settings, family).build();
    }

    private static Match port(String protocol, int... ports) {
        var all = new ArrayList<Integer>();
        for (int port : ports) {
            all.add(port);
        }
        return new Match.DestinationPorts(protocol, all, false);
    }

    private static Match notPort(String protocol, Integer... ports) {
        return new Match.DestinationPorts(protocol, List.of(ports), true);
    }

    private static final class Builder {
        private final Settings settings;
        private final Family family;
        private final Map<String, Table> tables = new LinkedHashMap<>();
        private final Match loopback;
        private final Match notLoopback;
        private final boolean tproxy;
        private final List<String> dnsServers;

        private Builder(Settings settings, Family family) {
            this.settings = settings;
            this.family = family;
            String range = family == Family.IPV4 ? settings.loopbackCidr() : "::1/128";
            loopback = new Match.Destination(range, false);
            notLoopback = new Match.Destination(range, true);
            tproxy = settings.mode() == Settings.Mode.TPROXY;
            dnsServers = settings.dnsServers(family);
            for (String name : List.of("raw", "mangle", "nat")) {
                tables.put(name, new Table(name, new LinkedHashMap<>(), new LinkedHashMap<>()));
            }
        }

        private Rules build() {
            if (!settings.redirectDns().isOff()) {
                zones();
            }
            if (settings.dropInvalid()) {
                jump("mangle", "PREROUTING", INBOUND, TCP);
                add("mangle", INBOUND, new Target.Drop(), new Match.ConnectionState(List.of("INVALID")));
            }
            targets();
            excludedInterfaces();
            inbound();
            outbound();
            tables.values().removeIf(table -> table.chains().isEmpty());
            return new Rules(family, List.copyOf(tables.values()));
        }

        private Table table(String name) {
            Table found = tables.get(name);
            if (found == null) {
                throw new IllegalArgumentException(name);
            }
            return found;
        }

        private void add(String table, String chain, Target target, Match... matches) {
            table(table)
                    .chains()
                    .computeIfAbsent(chain, any -> new ArrayList<>())
                    .add(Rule.of(target, matches));
        }

        private void jump(String table, String from, String to, Match... matches) {
            table(table).chains().computeIfAbsent(to, any -> new ArrayList<>());
            table(table).jumps().put(from, Rule.of(new Target.Jump(to), matches));
        }

        private void targets() {
            add("nat", REDIRECT, new Target.Redirect(settings.outboundPort()), TCP);
            add("nat", IN_REDIRECT, new Target.Redirect(settings.inboundPort()), TCP);
        }

        private void excludedInterfaces() {
            for (String name : settings.excludedInterfaces()) {
                add("nat", INBOUND, RETURN, new Match.InInterface(name));
                add("nat", OUTPUT, RETURN, new Match.OutInterface(name));
                if (tproxy) {
                    add("mangle", INBOUND, RETURN, new Match.InInterface(name));
                    add("mangle", OUTPUT, RETURN, new Match.OutInterface(name));
                }
            }
        }

        // ---- in ----

        private void inbound() {
            virtualInterfaces();
            add("nat", INBOUND, RETURN, TCP, port("tcp", settings.tunnelPort()));
            if (!settings.inbound().isNone()) {
                if (tproxy) {
                    transparent();
                } else {
                    capture("nat", IN_REDIRECT, false);
                }
            }
            jump("nat", "PREROUTING", INBOUND, TCP);
        }

        // What comes from a virtual machine's interface is what the machine sends out.
        private void virtualInterfaces() {
            for (String name : settings.virtualInterfaces()) {
                Match from = new Match.InInterface(name);
                if (settings.outboundCidrs().any()) {
                    add("nat", INBOUND, new Target.Jump(REDIRECT), from);
                } else {
                    for (String cidr : settings.outboundCidrs().of(family)) {
                        add("nat", INBOUND, new Target.Jump(REDIRECT), from, new Match.Destination(cidr, false));
                    }
                }
                add("nat", INBOUND, RETURN, from);
            }
        }

        private void transparent() {
            Match marked = new Match.PacketMark(settings.mark(), false);
            Match lo = new Match.InInterface("lo");
            add("mangle", DIVERT, new Target.Mark(settings.mark()));
            add("mangle", DIVERT, new Target.Accept());
            add("mangle", TPROXY, new Target.Transparent(settings.inboundPort(), settings.mark()), notLoopback, TCP);
            // A mark of the proxy's own (it calls with its client's address) is kept with the connection, so that
            // the answers find their way back to it.
            add("mangle", INBOUND, new Target.SaveMark(), TCP, marked);
            add("mangle", INBOUND, RETURN, TCP, marked);
            add("mangle", INBOUND, RETURN, TCP, new Match.Source(family.inboundSource), lo);
            // The application that calls itself by the pod's address; what the proxy sends there is captured.
            add("mangle", INBOUND, RETURN, TCP, lo, new Match.PacketMark(OUTBOUND_MARK, true));
            capture("mangle", TPROXY, true);
            jump("mangle", "PREROUTING", INBOUND, TCP);

            Match out = new Match.OutInterface("lo");
            add("mangle", OUTPUT, RETURN, TCP, out, marked);
            for (long user : settings.users()) {
                add(
                        "mangle",
                        OUTPUT,
                        new Target.Mark(OUTBOUND_MARK),
                        notLoopback,
                        TCP,
                        out,
                        new Match.User(user, false));
            }
            for (long group : settings.groups()) {
                add(
                        "mangle",
                        OUTPUT,
                        new Target.Mark(OUTBOUND_MARK),
                        notLoopback,
                        TCP,
                        out,
                        new Match.Group(group, false));
            }
            add("mangle", OUTPUT, new Target.RestoreMark(), TCP, new Match.ConnectionMark(settings.mark()));
            jump("mangle", "OUTPUT", OUTPUT);
        }

        private void capture(String table, String to, boolean divert) {
            Match known = new Match.ConnectionState(List.of("RELATED", "ESTABLISHED"));
            if (settings.inbound().any()) {
                for (int port : settings.excludedInboundPorts()) {
                    add(table, INBOUND, RETURN, TCP, port("tcp", port));
                }
                if (divert) {
                    add(table, INBOUND, new Target.Jump(DIVERT), TCP, known);
                }
                add(table, INBOUND, new Target.Jump(to), TCP);
            } else {
                for (int port : settings.inbound().ports()) {
                    if (divert) {
                        add(table, INBOUND, new Target.Jump(DIVERT), TCP, port("tcp", port), known);
                    }
                    add(table, INBOUND, new Target.Jump(to), TCP, port("tcp", port));
                }
            }
        }

        // ---- out ----

        private void outbound() {
            for (int port : settings.excludedOutboundPorts()) {
                add("nat", OUTPUT, RETURN, TCP, port("tcp", port));
                add("nat", OUTPUT, RETURN, UDP, port("udp", port));
            }
            Match lo = new Match.OutInterface("lo");
            add("nat", OUTPUT, RETURN, lo, new Match.Source(family.inboundSource));
            if (tproxy && !settings.inbound().isNone()) {
                // The proxy calls its pod with its client's address.
                add("nat", OUTPUT, RETURN, TCP, lo, new Match.PacketMark(settings.mark(), false));
            }
            for (long user : settings.users()) {
                ownCalls(new Match.User(user, false), new Match.User(user, true));
            }
            for (long group : settings.groups()) {
                ownCalls(new Match.Group(group, false), new Match.Group(group, true));
            }
            ownerGroups();
            if (capturesDns()) {
                add("nat", OUTPUT, new Target.Jump(OUTPUT_DNS));
                dns();
            }
            add("nat", OUTPUT, RETURN, loopback);
            for (String cidr : settings.excludedCidrs().of(family)) {
                add("nat", OUTPUT, RETURN, new Match.Destination(cidr, false));
            }
            for (int port : settings.outboundPorts()) {
                add("nat", OUTPUT, new Target.Jump(REDIRECT), TCP, port("tcp", port));
            }
            if (settings.outboundCidrs().any()) {
                add("nat", OUTPUT, new Target.Jump(REDIRECT));
            } else {
                for (String cidr : settings.outboundCidrs().of(family)) {
                    add("nat", OUTPUT, new Target.Jump(REDIRECT), new Match.Destination(cidr, false));
                }
            }
            jump("nat", "OUTPUT", OUTPUT);
        }

        private void ownCalls(Match proxy, Match others) {
            Match lo = new Match.OutInterface("lo");
            // An application that calls itself by its service: its proxy calls the pod, and that is inbound traffic.
            // A name server in this pod that the proxy asks is none.
            add(
                    "nat",
                    OUTPUT,
                    new Target.Jump(IN_REDIRECT),
                    lo,
                    notLoopback,
                    TCP,
                    settings.redirectDns().isOff()
                            ? notPort("tcp", settings.tunnelPort())
                            : notPort("tcp", 53, settings.tunnelPort()),
                    proxy);
            // An application that calls itself by its pod's address does so directly, unless loopback is asked for.
            if (!settings.outboundCidrs().hasLoopback()) {
                if (settings.redirectDns().isOff()) {
                    add("nat", OUTPUT, RETURN, lo, others);
                } else {
                    add("nat", OUTPUT, RETURN, lo, TCP, notPort("tcp", 53), others);
                }
            }
            // The proxy's other calls go out, else they came to it again.
            add("nat", OUTPUT, RETURN, proxy);
        }

        private void ownerGroups() {
            for (long group : settings.excludedOwnerGroups()) {
                add("nat", OUTPUT, RETURN, new Match.Group(group, false));
            }
            if (!settings.ownerGroups().isEmpty()) {
                var none = settings.ownerGroups().stream()
                        .map(group -> (Match) new Match.Group(group, true))
                        .toArray(Match[]::new);
                add("nat", OUTPUT, RETURN, none);
            }
        }

        // ---- DNS ----

        private boolean capturesDns() {
            return switch (settings.redirectDns()) {
                case OFF -> false;
                case SERVERS -> !dnsServers.isEmpty();
                case ALL -> true;
            };
        }

        // Only the machine's own name servers: a server of the application's on this machine may ask others itself.
        private void dns() {
            for (String protocol : List.of("tcp", "udp")) {
                Match named = new Match.Protocol(protocol);
                if (settings.redirectDns() == Settings.DnsCapture.ALL) {
                    add("nat", OUTPUT_DNS, new Target.Redirect(DNS_PORT), named, port(protocol, 53));
                } else {
                    for (String server : dnsServers) {
                        add(
                                "nat",
                                OUTPUT_DNS,
                                new Target.Redirect(DNS_PORT),
                                named,
                                port(protocol, 53),
                                new Match.Destination(host(server), false));
                    }
                }
            }
        }

        // Questions of the application and those of the proxy may have equal ports: each get a table of their own,
        // else the kernel confuses their answers.
        private void zones() {
            if (!capturesDns()) {
                return;
            }
            var owners = new ArrayList<Match>();
            settings.users().forEach(user -> owners.add(new Match.User(user, false)));
            settings.groups().forEach(group -> owners.add(new Match.Group(group, false)));
            for (Match owner : owners) {
                add("raw", OUTPUT_DNS, new Target.Zone(1), UDP, port("udp", 53), owner);
                add("raw", OUTPUT_DNS, new Target.Zone(2), UDP, new Match.SourcePort("udp", DNS_PORT), owner);
            }
            if (settings.redirectDns() == Settings.DnsCapture.ALL) {
                add("raw", OUTPUT_DNS, new Target.Zone(2), UDP, port("udp", 53));
                add("raw", INBOUND, new Target.Zone(1), UDP, new Match.SourcePort("udp", 53));
            } else {
                for (String server : dnsServers) {
                    add(
                            "raw",
                            OUTPUT_DNS,
                            new Target.Zone(2),
                            UDP,
                            port("udp", 53),
                            new Match.Destination(host(server), false));
                    add(
                            "raw",
                            INBOUND,
                            new Target.Zone(1),
                            UDP,
                            new Match.SourcePort("udp", 53),
                            new Match.Source(host(server)));
                }
            }
            jump("raw", "OUTPUT", OUTPUT_DNS);
            jump("raw", "PREROUTING", INBOUND);
        }

        private String host(String address) {
            return address + (family == Family.IPV4 ? "/32" : "/128");
        }
    }
}
