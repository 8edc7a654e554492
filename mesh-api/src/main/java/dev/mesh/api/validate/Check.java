package dev.mesh.api.validate;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.networking.Destination;
import dev.mesh.api.networking.Percent;
import dev.mesh.api.networking.StringMatch;
import dev.mesh.api.object.MeshObject;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Gathers what is wrong with one object, and knows the checks that many kinds share.
final class Check {
    private static final Duration SHORTEST = Duration.ofMillis(1);

    private final MeshObject object;
    private final List<Finding> findings = new ArrayList<>();

    Check(MeshObject object) {
        this.object = object;
    }

    List<Finding> findings() {
        return List.copyOf(findings);
    }

    void error(String path, String message) {
        add(Finding.Code.INVALID_VALUE, path, message);
    }

    void add(Finding.Code code, String path, String message) {
        findings.add(new Finding(
                code, object.ref(), path, message, object.positions().of(path)));
    }

    void port(String path, int number) {
        if (number < 1 || number > 65535) {
            error(path, number + " (expected: 1-65535)");
        }
    }

    void optionalPort(String path, int number) {
        if (number != 0) {
            port(path, number);
        }
    }

    void atLeastZero(String path, long number) {
        if (number < 0) {
            error(path, number + " (expected: 0 or more)");
        }
    }

    void percent(String path, double percent) {
        if (!(percent >= 0 && percent <= 100)) {
            error(path, percent + " (expected: 0-100)");
        }
    }

    void percent(String path, @Nullable Percent percent) {
        if (percent != null) {
            percent(path + ".value", percent.value());
        }
    }

    /// Not negative, and if it is set at least a millisecond.
    void duration(String path, @Nullable Duration duration) {
        if (duration != null && (duration.isNegative() || (!duration.isZero() && duration.compareTo(SHORTEST) < 0))) {
            error(path, text(duration) + " (expected: 1ms or more)");
        }
    }

    // As it is written in YAML: 1h30m, -5s.
    private static String text(Duration duration) {
        return duration.toString().substring("PT".length()).toLowerCase(Locale.ROOT);
    }

    /// More than nothing.
    void positive(String path, @Nullable Duration duration) {
        if (duration != null && duration.compareTo(SHORTEST) < 0) {
            error(path, text(duration) + " (expected: 1ms or more)");
        }
    }

    void regex(String path, String regex) {
        if (regex.isEmpty()) {
            error(path, "empty (expected: an RE2 expression)");
            return;
        }
        if (regex.length() > 1024) {
            error(path, regex.length() + " characters (expected: at most 1024)");
            return;
        }
        try {
            Pattern.compile(regex);
        } catch (PatternSyntaxException e) {
            error(path, "\"" + regex + "\" (expected: an RE2 expression; " + e.getDescription() + ")");
        }
    }

    void match(String path, @Nullable StringMatch match) {
        switch (match) {
            case null -> {}
            case StringMatch.Exact ignored -> {}
            case StringMatch.Prefix(String prefix) -> {
                if (prefix.isEmpty()) {
                    error(path + ".prefix", "empty (expected: at least one character)");
                }
            }
            case StringMatch.Regex(String regex) -> regex(path + ".regex", regex);
            case StringMatch.Present() -> {}
        }
    }

    /// A DNS name, with `*` or `*.` before it if it may.
    void host(String path, String host, boolean wildcard) {
        String rest = host;
        if (host.startsWith("*") && wildcard) {
            if (host.equals("*")) {
                return;
            }
            rest = host.startsWith("*.") ? host.substring(2) : host.substring(1);
            if (!host.startsWith("*.") && !host.startsWith("*-")) {
                error(path, "\"" + host + "\" (expected: a DNS name, or *.suffix)");
                return;
            }
        }
        if (!isDnsName(rest) && !isAddress(host)) {
            error(path, "\"" + host + "\" (expected: a DNS name" + (wildcard ? ", or *.suffix)" : ")"));
        }
    }

    static boolean isDnsName(String name) {
        if (name.isEmpty() || name.length() > 253) {
            return false;
        }
        String plain = name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
        for (String label : plain.split("\\.", -1)) {
            if (!label.matches("[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?")) {
                return false;
            }
        }
        return true;
    }

    static boolean isAddress(String text) {
        if (text.isEmpty() || !(text.matches("[0-9.]+") || text.indexOf(':') >= 0)) {
            return false;
        }
        try {
            InetAddress.ofLiteral(text);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    void subnet(String path, String subnet) {
        int slash = subnet.indexOf('/');
        String address = slash < 0 ? subnet : subnet.substring(0, slash);
        String bits = slash < 0 ? "0" : subnet.substring(slash + 1);
        int most = address.indexOf(':') >= 0 ? 128 : 32;
        if (!isAddress(address) || !bits.matches("[0-9]{1,3}") || Integer.parseInt(bits) > most) {
            error(path, "\"" + subnet + "\" (expected: an address, or a range such as 10.0.0.0/8)");
        }
    }

    void destination(String path, Destination destination) {
        if (destination.host().equals("*")) {
            error(path + ".host", "\"*\" (expected: the name of one service)");
        } else {
            host(path + ".host", destination.host(), true);
        }
        if (!destination.subset().isEmpty()) {
            label(path + ".subset", destination.subset());
        }
        if (destination.port() != null) {
            port(path + ".port.number", destination.port().number());
        }
    }

    void label(String path, String name) {
        if (!name.matches("[a-zA-Z0-9]([-a-zA-Z0-9._]{0,61}[a-zA-Z0-9])?")) {
            error(path, "\"" + name + "\" (expected: letters, digits, - . _, at most 63)");
        }
    }

    void headerName(String path, String name) {
        if (!name.matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+")) {
            error(path, "\"" + name + "\" (expected: the name of a header, RFC 9110 5.1)");
        }
    }
}
