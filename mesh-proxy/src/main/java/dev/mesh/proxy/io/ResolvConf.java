package dev.mesh.proxy.io;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/// What a machine's `/etc/resolv.conf` says (resolv.conf(5)).
///
/// @param nameServers IP addresses in their order, an IPv6 one with its zone if it has one
/// @param search domains in their order, without a dot at the end
public record ResolvConf(List<String> nameServers, List<String> search) {
    public ResolvConf {
        nameServers = List.copyOf(nameServers);
        search = List.copyOf(search);
    }

    /// Of several `search` or `domain` lines the last counts. What is not understood is passed over, as by the C
    /// library.
    public static ResolvConf parse(String text) {
        var servers = new ArrayList<String>();
        List<String> search = List.of();
        for (String line : text.lines().toList()) {
            String[] words = line.trim().split("\\s+");
            if (words.length < 2) {
                continue;
            }
            switch (words[0]) {
                case "nameserver" -> {
                    if (isAddress(words[1].replaceFirst("%.*", ""))) {
                        servers.add(words[1]);
                    }
                }
                case "search" -> search = domains(List.of(words).subList(1, words.length));
                case "domain" -> search = domains(List.of(words[1]));
                default -> {} // options are the client's own business
            }
        }
        return new ResolvConf(servers, search);
    }

    private static List<String> domains(List<String> words) {
        return words.stream()
                .map(word -> word.endsWith(".") ? word.substring(0, word.length() - 1) : word)
                .filter(word -> !word.isEmpty())
                .toList();
    }

    private static boolean isAddress(String text) {
        try {
            InetAddress.ofLiteral(text);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
