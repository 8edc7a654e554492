package dev.mesh.proxy.intercept;

import dev.mesh.proxy.intercept.Rule.Match;
import dev.mesh.proxy.intercept.Rule.Target;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// [Rules] as input for `iptables-restore --noflush`: each table changes as a whole or not at all. Pure.
final class IptablesScript {
    private static final List<String> TABLES = List.of("raw", "mangle", "nat");

    private IptablesScript() {}

    /// What makes `rules` hold, whatever of ours was there before.
    ///
    /// @param saved what `iptables-save` says; empty if nothing is there
    static String apply(Rules rules, String saved) {
        Map<String, Present> present = Present.of(saved);
        var script = new StringBuilder();
        for (String name : TABLES) {
            Rules.Table table = rules.tables().stream()
                    .filter(candidate -> candidate.name().equals(name))
                    .findFirst()
                    .orElse(null);
            Present old = present.getOrDefault(name, Present.NOTHING);
            if (table == null) {
                script.append(clean(name, old));
                continue;
            }
            script.append('*').append(name).append('\n');
            // Naming a chain empties it if it is there.
            var chains = new LinkedHashSet<>(table.chains().keySet());
            chains.addAll(old.chains);
            chains.forEach(chain -> script.append(':').append(chain).append(" - [0:0]\n"));
            old.jumps.forEach(jump -> script.append("-D ").append(jump).append('\n'));
            old.chains.stream()
                    .filter(chain -> !table.chains().containsKey(chain))
                    .forEach(chain -> script.append("-X ").append(chain).append('\n'));
            table.chains()
                    .forEach((chain, all) -> all.forEach(rule -> script.append("-A ")
                            .append(chain)
                            .append(text(rule))
                            .append('\n')));
            table.jumps()
                    .forEach((from, rule) ->
                            script.append("-A ").append(from).append(text(rule)).append('\n'));
            script.append("COMMIT\n");
        }
        return script.toString();
    }

    /// What takes away all that is ours.
    ///
    /// @return empty if nothing of ours is there
    static String clean(String saved) {
        Map<String, Present> present = Present.of(saved);
        var script = new StringBuilder();
        TABLES.forEach(name -> script.append(clean(name, present.getOrDefault(name, Present.NOTHING))));
        return script.toString();
    }

    private static String clean(String name, Present old) {
        if (old.chains.isEmpty() && old.jumps.isEmpty()) {
            return "";
        }
        var script = new StringBuilder("*" + name + "\n");
        old.chains.forEach(chain -> script.append(':').append(chain).append(" - [0:0]\n"));
        old.jumps.forEach(jump -> script.append("-D ").append(jump).append('\n'));
        old.chains.forEach(chain -> script.append("-X ").append(chain).append('\n'));
        return script.append("COMMIT\n").toString();
    }

    /// What is ours in one table.
    ///
    /// @param jumps from other chains, as iptables-save writes rules, without `-A`
    private record Present(Set<String> chains, List<String> jumps) {
        private static final Present NOTHING = new Present(Set.of(), List.of());

        private static Map<String, Present> of(String saved) {
            var tables = new LinkedHashMap<String, Present>();
            var current = new Present(new LinkedHashSet<>(), new ArrayList<>());
            for (String line : saved.lines().toList()) {
                if (line.startsWith("*")) {
                    current = new Present(new LinkedHashSet<>(), new ArrayList<>());
                    tables.put(line.substring(1).trim(), current);
                } else if (line.startsWith(":" + Rules.PREFIX)) {
                    current.chains.add(line.substring(1, line.indexOf(' ')));
                } else if (line.startsWith("-A ")
                        && !line.startsWith("-A " + Rules.PREFIX)
                        && line.contains(" -j " + Rules.PREFIX)) {
                    current.jumps.add(line.substring(3).trim());
                }
            }
            return tables;
        }
    }

    /// Whether what `iptables-save` says has all chains of `rules`, with as many rules, and the jumps to them.
    static boolean isPresent(Rules rules, String saved) {
        for (Rules.Table table : rules.tables()) {
            String part = part(saved, table.name());
            for (var chain : table.chains().entrySet()) {
                long count = part.lines()
                        .filter(line -> line.startsWith("-A " + chain.getKey() + " "))
                        .count();
                if (count != chain.getValue().size() || !part.contains(":" + chain.getKey() + " ")) {
                    return false;
                }
            }
            for (var jump : table.jumps().entrySet()) {
                String target = text(jump.getValue());
                if (part.lines()
                                .filter(line -> line.equals("-A " + jump.getKey() + target))
                                .count()
                        != 1) {
                    return false;
                }
            }
        }
        return true;
    }

    private static String part(String saved, String table) {
        return saved.lines()
                .dropWhile(line -> !line.equals("*" + table))
                .takeWhile(line -> !line.equals("COMMIT"))
                .collect(Collectors.joining("\n"));
    }

    private static String text(Rule rule) {
        var text = new StringBuilder();
        rule.matches().forEach(match -> text.append(' ').append(text(match)));
        return text.append(" -j ").append(text(rule.target())).toString();
    }

    private static String text(Match match) {
        return switch (match) {
            case Match.Protocol(String name) -> "-p " + name;
            case Match.Source(String cidr) -> "-s " + cidr;
            case Match.Destination(String cidr, boolean not) -> not(not) + "-d " + cidr;
            case Match.DestinationPorts(String protocol, List<Integer> ports, boolean not) ->
                ports.size() == 1
                        ? "-m " + protocol + " " + not(not) + "--dport " + ports.getFirst()
                        : "-m multiport " + not(not) + "--dports "
                                + ports.stream().map(String::valueOf).collect(Collectors.joining(","));
            case Match.SourcePort(String protocol, int port) -> "-m " + protocol + " --sport " + port;
            case Match.InInterface(String name) -> "-i " + name;
            case Match.OutInterface(String name) -> "-o " + name;
            case Match.User(long id, boolean not) -> "-m owner " + not(not) + "--uid-owner " + id;
            case Match.Group(long id, boolean not) -> "-m owner " + not(not) + "--gid-owner " + id;
            case Match.ConnectionState(List<String> states) -> "-m conntrack --ctstate " + String.join(",", states);
            case Match.PacketMark(long mark, boolean not) -> "-m mark " + not(not) + "--mark " + mark;
            case Match.ConnectionMark(long mark) -> "-m connmark --mark " + mark;
        };
    }

    private static String not(boolean not) {
        return not ? "! " : "";
    }

    private static String text(Target target) {
        return switch (target) {
            case Target.Return() -> "RETURN";
            case Target.Accept() -> "ACCEPT";
            case Target.Drop() -> "DROP";
            case Target.Jump(String chain) -> chain;
            case Target.Redirect(int port) -> "REDIRECT --to-ports " + port;
            case Target.Transparent(int port, long mark) ->
                "TPROXY --on-port " + port + " --tproxy-mark " + mark + "/0xffffffff";
            case Target.Mark(long mark) -> "MARK --set-mark " + mark;
            case Target.SaveMark() -> "CONNMARK --save-mark";
            case Target.RestoreMark() -> "CONNMARK --restore-mark";
            case Target.Zone(int number) -> "CT --zone " + number;
        };
    }
}
