package dev.mesh.proxy.intercept;

import dev.mesh.proxy.io.ResolvConf;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// What is to be known of the machine, or of the pod: read from its files.
///
/// @param ipv6 whether it has an IPv6 address that others can reach
/// @param mayAdminister whether this process has the capability NET_ADMIN
/// @param nameServers as its `resolv.conf` has them
/// @param user that this process runs as
record Machine(boolean ipv6, boolean mayAdminister, List<String> nameServers, long user) {
    private static final int NET_ADMIN = 12;

    static Machine here() {
        return of(
                text(Path.of("/proc/net/if_inet6")),
                text(Path.of("/proc/self/status")),
                text(Path.of("/etc/resolv.conf")));
    }

    /// @param addresses as `/proc/net/if_inet6`; the fourth field is the scope, 00 that of the whole world
    /// @param status as `/proc/self/status`
    static Machine of(String addresses, String status, String resolver) {
        boolean six = addresses
                .lines()
                .map(line -> line.trim().split("\\s+"))
                .anyMatch(fields -> fields.length >= 6 && fields[3].equals("00"));
        boolean may = status.lines()
                .filter(line -> line.startsWith("CapEff:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).trim(), 16) >> NET_ADMIN & 1) == 1);
        long user = status.lines()
                .filter(line -> line.startsWith("Uid:"))
                .mapToLong(line -> Long.parseLong(line.split("\\s+")[2]))
                .findFirst()
                .orElse(0);
        return new Machine(six, may, nameServers(resolver), user);
    }

    /// @param resolver as `/etc/resolv.conf`
    static List<String> nameServers(String resolver) {
        return ResolvConf.parse(resolver).nameServers().stream()
                .map(server -> server.replaceFirst("%.*", ""))
                .toList();
    }

    private static String text(Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (IOException e) {
            return ""; // not there: the machine has nothing of it
        }
    }
}
