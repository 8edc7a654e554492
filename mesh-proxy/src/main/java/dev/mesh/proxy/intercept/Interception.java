package dev.mesh.proxy.intercept;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// Puts rules into the kernel and takes them away, with the programs of iptables, or with nft. Blocks.
final class Interception {
    private final Programs programs;
    private final Settings settings;
    private final List<Family> families;

    /// @param families that the machine has
    Interception(Programs programs, Settings settings, List<Family> families) {
        this.programs = programs;
        this.settings = settings;
        this.families = List.copyOf(families);
    }

    /// One of the two programs that iptables comes as.
    private record Backend(String kind) {
        private static final Backend UNNAMED = new Backend("");

        private String program(Family family, String what) {
            return (family == Family.IPV4 ? "iptables" : "ip6tables") + kind + what;
        }
    }

    private static final List<Backend> NAMED = List.of(new Backend("-nft"), new Backend("-legacy"));

    /// Puts the rules in place, with iptables or with nft; what of ours was there before is gone.
    ///
    /// @throws IOException with a sentence for people
    void apply(boolean nftables) throws IOException {
        if (nftables) {
            if (!programs.has("nft")) {
                throw new IOException("nft is not there: install the package nftables, or leave --native-nftables out");
            }
            routes();
            cleanIptables();
            must("nft", programs.run(script(), "nft", "-f", "-"));
        } else {
            Backend backend = backend();
            routes();
            cleanNft();
            for (Family family : families) {
                Rules rules = Rules.of(settings, family);
                String restore = backend.program(family, "-restore");
                must(restore, programs.run(IptablesScript.apply(rules, saved(backend, family)), restore, "--noflush"));
            }
        }
    }

    private String script() {
        var script = new StringBuilder();
        families.forEach(family -> script.append(NftScript.apply(Rules.of(settings, family))));
        return script.toString();
    }

    /// What `apply` would do on a machine without rules, for people and for these programs.
    String plan(boolean nftables) {
        var plan = new StringBuilder();
        for (Family family : families) {
            for (List<String> command : routeCommands(family)) {
                plan.append("# ip ").append(String.join(" ", command)).append('\n');
            }
            Rules rules = Rules.of(settings, family);
            plan.append("# ")
                    .append(nftables ? "nft -f -" : Backend.UNNAMED.program(family, "-restore --noflush"))
                    .append('\n')
                    .append(nftables ? NftScript.apply(rules) : IptablesScript.apply(rules, ""));
        }
        return plan.toString();
    }

    /// Whether the kernel has the rules.
    boolean isApplied(boolean nftables) throws IOException {
        if (nftables) {
            for (Family family : families) {
                if (!programs.run("", "nft", "list", "table", family.nft, NftScript.TABLE)
                        .isSuccess()) {
                    return false;
                }
            }
            return true;
        }
        for (Backend backend : available()) {
            boolean all = true;
            for (Family family : families) {
                all &= IptablesScript.isPresent(Rules.of(settings, family), saved(backend, family));
            }
            if (all) {
                return true;
            }
        }
        return false;
    }

    /// Takes all rules, routes and addresses of ours away; that there are none is no error.
    void clean() throws IOException {
        if (available().isEmpty() && !programs.has("nft")) {
            throw noProgram();
        }
        cleanIptables();
        cleanNft();
        if (programs.has("ip")) {
            for (Family family : families) {
                String mark = Long.toString(settings.mark());
                String table = Integer.toString(settings.routeTable());
                // One call takes one rule away.
                boolean found = true;
                for (int i = 0; i < 16 && found; i++) {
                    found = ip(family, "rule", "del", "fwmark", mark, "lookup", table)
                            .isSuccess();
                }
                ip(family, "route", "del", "local", "default", "dev", "lo", "table", table);
                if (family == Family.IPV6) {
                    ip(family, "addr", "del", family.inboundSource, "dev", "lo");
                }
            }
        }
    }

    private void cleanIptables() throws IOException {
        for (Backend backend : available()) {
            for (Family family : families) {
                String restore = backend.program(family, "-restore");
                String script = IptablesScript.clean(saved(backend, family));
                if (!script.isEmpty()) {
                    must(restore, programs.run(script, restore, "--noflush"));
                }
            }
        }
    }

    private void cleanNft() throws IOException {
        if (!programs.has("nft")) {
            return;
        }
        for (Family family : families) {
            if (programs.run("", "nft", "list", "table", family.nft, NftScript.TABLE)
                    .isSuccess()) {
                must("nft", programs.run(NftScript.clean(family), "nft", "-f", "-"));
            }
        }
    }

    private String saved(Backend backend, Family family) throws IOException {
        String program = backend.program(family, "-save");
        Programs.Result result = programs.run("", program);
        // A kernel without this form of tables has no rules in them.
        return result.isSuccess() ? result.output() : "";
    }

    private List<Backend> available() {
        List<Backend> named = NAMED.stream()
                .filter(backend -> programs.has(backend.program(Family.IPV4, "-restore")))
                .toList();
        return !named.isEmpty() || !programs.has("iptables-restore") ? named : List.of(Backend.UNNAMED);
    }

    // Rules of both forms hold at once. So ours go where others are: where there are none, the newer form is taken,
    // if the kernel has it.
    private Backend backend() throws IOException {
        List<Backend> available = available();
        if (available.isEmpty()) {
            throw noProgram();
        }
        if (available.size() == 1) {
            return available.getFirst();
        }
        Backend nft = available.getFirst();
        Backend legacy = available.getLast();
        boolean inUse = saved(legacy, Family.IPV4).lines().anyMatch(line -> line.startsWith("-A "));
        return !inUse
                        && programs.run("*nat\nCOMMIT\n", nft.program(Family.IPV4, "-restore"), "--noflush", "--test")
                                .isSuccess()
                ? nft
                : legacy;
    }

    private static IOException noProgram() {
        return new IOException("iptables-restore is not there: install the package iptables in this image,"
                + " or nftables and use --native-nftables");
    }

    // ---- routes ----

    private List<List<String>> routeCommands(Family family) {
        var commands = new ArrayList<List<String>>();
        if (settings.mode() == Settings.Mode.TPROXY && !settings.inbound().isNone()) {
            String table = Integer.toString(settings.routeTable());
            commands.add(
                    List.of(family.flag, "rule", "add", "fwmark", Long.toString(settings.mark()), "lookup", table));
            commands.add(List.of(family.flag, "route", "replace", "local", "default", "dev", "lo", "table", table));
        }
        if (family == Family.IPV6) {
            // 127.0.0.6 can be called from as it is; of IPv6 only ::1 can.
            commands.add(List.of(family.flag, "addr", "replace", family.inboundSource, "dev", "lo"));
        }
        return commands;
    }

    private void routes() throws IOException {
        for (Family family : families) {
            List<List<String>> commands = routeCommands(family);
            if (!commands.isEmpty() && !programs.has("ip")) {
                throw new IOException("ip is not there: install the package iproute2 in this image");
            }
            for (List<String> command : commands) {
                if (command.contains("rule")) {
                    String has = "fwmark 0x" + Long.toHexString(settings.mark()) + " lookup " + settings.routeTable();
                    if (ip(family, "rule", "show").output().contains(has)) {
                        continue;
                    }
                }
                must("ip", programs.run("", "ip", command.toArray(String[]::new)));
            }
        }
    }

    private Programs.Result ip(Family family, String... args) throws IOException {
        var all = new ArrayList<String>(List.of(family.flag));
        all.addAll(List.of(args));
        return programs.run("", "ip", all.toArray(String[]::new));
    }

    private static void must(String program, Programs.Result result) throws IOException {
        if (!result.isSuccess()) {
            throw new IOException(program + " failed: "
                    + (result.complaint().isEmpty() ? "code " + result.code() : result.complaint()));
        }
    }
}
