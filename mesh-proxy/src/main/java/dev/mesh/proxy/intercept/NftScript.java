package dev.mesh.proxy.intercept;

import dev.mesh.proxy.intercept.Rule.Match;
import dev.mesh.proxy.intercept.Rule.Target;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// [Rules] as a script for `nft -f`, which takes effect as a whole or not at all. Pure.
///
/// All is in one table of our own for each family; a chain's name begins with that of its table in iptables.
final class NftScript {
    static final String TABLE = "mesh_intercept";

    private NftScript() {}

    /// What makes `rules` hold, whatever of ours was there before.
    static String apply(Rules rules) {
        Family family = rules.family();
        var script = new StringBuilder(clean(family))
                .append("table ")
                .append(name(family))
                .append(" {\n");
        for (Rules.Table table : rules.tables()) {
            table.chains().forEach((chain, all) -> {
                script.append("  chain ")
                        .append(table.name())
                        .append('_')
                        .append(chain)
                        .append(" {\n");
                all.forEach(rule -> script.append("    ")
                        .append(text(rule, table.name(), family))
                        .append('\n'));
                script.append("  }\n");
            });
            table.jumps()
                    .forEach((from, rule) -> script.append("  chain ")
                            .append(table.name())
                            .append('_')
                            .append(from)
                            .append(" {\n    ")
                            .append(hook(table.name(), from))
                            .append("\n    ")
                            .append(text(rule, table.name(), family))
                            .append("\n  }\n"));
        }
        return script.append("}\n").toString();
    }

    /// What takes away all that is ours; that it is not there is no error.
    static String clean(Family family) {
        return "add table " + name(family) + "\ndelete table " + name(family) + "\n";
    }

    static String name(Family family) {
        return family.nft + " " + TABLE;
    }

    // The places of iptables' own tables; what changes a packet's mark on its way out is routed anew.
    private static String hook(String table, String chain) {
        String type = switch (table) {
            case "nat" -> "nat";
            case "mangle" -> chain.equals("OUTPUT") ? "route" : "filter";
            default -> "filter";
        };
        String priority = switch (table) {
            case "nat" -> "-100";
            case "mangle" -> "-150";
            default -> "-300";
        };
        return "type " + type + " hook " + chain.toLowerCase(Locale.ROOT) + " priority " + priority
                + "; policy accept;";
    }

    private static String text(Rule rule, String table, Family family) {
        return rule.matches().stream().map(match -> text(match, family) + " ").collect(Collectors.joining())
                + text(rule.target(), table);
    }

    private static String text(Match match, Family family) {
        return switch (match) {
            case Match.Protocol(String name) -> "meta l4proto " + name;
            case Match.Source(String cidr) -> family.nft + " saddr " + cidr;
            case Match.Destination(String cidr, boolean not) -> family.nft + " daddr " + not(not) + cidr;
            case Match.DestinationPorts(String protocol, List<Integer> ports, boolean not) ->
                protocol + " dport " + not(not)
                        + (ports.size() == 1
                                ? ports.getFirst().toString()
                                : ports.stream().map(String::valueOf).collect(Collectors.joining(", ", "{ ", " }")));
            case Match.SourcePort(String protocol, int port) -> protocol + " sport " + port;
            case Match.InInterface(String name) -> "iifname " + interfaceName(name);
            case Match.OutInterface(String name) -> "oifname " + interfaceName(name);
            case Match.User(long id, boolean not) -> "meta skuid " + not(not) + id;
            case Match.Group(long id, boolean not) -> "meta skgid " + not(not) + id;
            case Match.ConnectionState(List<String> states) ->
                "ct state " + String.join(",", states).toLowerCase(Locale.ROOT);
            case Match.PacketMark(long mark, boolean not) -> "meta mark " + not(not) + mark;
            case Match.ConnectionMark(long mark) -> "ct mark " + mark;
        };
    }

    private static String not(boolean not) {
        return not ? "!= " : "";
    }

    private static String interfaceName(String name) {
        return '"' + (name.endsWith("+") ? name.substring(0, name.length() - 1) + "*" : name) + '"';
    }

    private static String text(Target target, String table) {
        return switch (target) {
            case Target.Return() -> "return";
            case Target.Accept() -> "accept";
            case Target.Drop() -> "drop";
            case Target.Jump(String chain) -> "jump " + table + "_" + chain;
            case Target.Redirect(int port) -> "redirect to :" + port;
            case Target.Transparent(int port, long mark) -> "tproxy to :" + port + " meta mark set " + mark + " accept";
            case Target.Mark(long mark) -> "meta mark set " + mark;
            case Target.SaveMark() -> "ct mark set meta mark";
            case Target.RestoreMark() -> "meta mark set ct mark";
            case Target.Zone(int number) -> "ct zone set " + number;
        };
    }
}
