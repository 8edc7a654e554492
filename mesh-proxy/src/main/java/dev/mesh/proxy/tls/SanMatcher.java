package dev.mesh.proxy.tls;

import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.Matchers;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;

/// Matches one kind of subject alternative names (`SubjectAltNameMatcher`).
///
/// @param kind of RFC 5280's GeneralName: 1 = email, 2 = DNS, 6 = URI, 7 = IP address
record SanMatcher(int kind, Predicate<String> matches) {
    static final int EMAIL = 1;
    static final int DNS = 2;
    static final int URI = 6;
    static final int IP = 7;

    /// A subject alternative name of a certificate. IP addresses stand in their usual text form.
    record Name(int kind, String text) {}

    boolean matches(Name name) {
        // A name with a NUL means one thing to us and may mean another to who issued it.
        return name.kind == kind && name.text.indexOf('\0') < 0 && matches.test(name.text);
    }

    static List<SanMatcher> compile(SubjectAltNameMatcher proto, String path, List<String> reasons) {
        return switch (proto.getSanType()) {
            case EMAIL -> List.of(of(EMAIL, proto.getMatcher(), path, reasons));
            case DNS -> List.of(of(DNS, proto.getMatcher(), path, reasons));
            case URI -> List.of(of(URI, proto.getMatcher(), path, reasons));
            case IP_ADDRESS -> List.of(of(IP, proto.getMatcher(), path, reasons));
            case OTHER_NAME, SAN_TYPE_UNSPECIFIED, UNRECOGNIZED -> {
                reasons.add(path + ".san_type: " + proto.getSanType()
                        + " is not supported (expected: DNS, URI, EMAIL or IP_ADDRESS)");
                yield List.of();
            }
        };
    }

    /// A matcher for names of every kind, as `match_subject_alt_names` has them.
    static List<SanMatcher> anyKind(StringMatcher proto, String path, List<String> reasons) {
        return List.of(
                of(DNS, proto, path, reasons),
                of(URI, proto, path, new ArrayList<>()),
                of(EMAIL, proto, path, new ArrayList<>()),
                of(IP, proto, path, new ArrayList<>()));
    }

    private static SanMatcher of(int kind, StringMatcher proto, String path, List<String> reasons) {
        if (kind == DNS && proto.hasExact()) {
            String wanted = proto.getExact();
            return new SanMatcher(DNS, name -> dnsMatches(wanted, name));
        }
        return switch (Matchers.anyOf(List.of(proto), path + ".matcher")) {
            case Compiled.Ok<Predicate<String>>(Predicate<String> compiled) -> new SanMatcher(kind, compiled);
            case Compiled.Rejected<Predicate<String>>(List<String> why) -> {
                why.forEach(reason -> reasons.add(reason.replace(".matcher[0]", ".matcher")));
                yield new SanMatcher(kind, name -> false);
            }
        };
    }

    /// Whether a certificate's name, which may have a wildcard in its first label, is good for a host.
    static boolean dnsMatches(String host, String name) {
        String wanted = host.toLowerCase(Locale.ROOT);
        String pattern = name.toLowerCase(Locale.ROOT);
        if (wanted.equals(pattern)) {
            return true;
        }
        int dot = pattern.indexOf('.');
        int star = pattern.indexOf('*');
        int hostDot = wanted.indexOf('.');
        if (star < 0
                || dot < star
                || hostDot < 1
                || pattern.lastIndexOf('*') != star
                || pattern.startsWith("xn--")
                || !pattern.substring(dot).equals(wanted.substring(hostDot))) {
            return false;
        }
        String label = wanted.substring(0, hostDot);
        return label.length() >= dot - 1
                && label.startsWith(pattern.substring(0, star))
                && label.endsWith(pattern.substring(star + 1, dot));
    }

    /// The names of a certificate; empty if it has none or they cannot be read.
    static List<Name> names(X509Certificate certificate) {
        var names = new ArrayList<Name>();
        try {
            Collection<List<?>> all = certificate.getSubjectAlternativeNames();
            if (all == null) {
                return List.of();
            }
            for (List<?> one : all) {
                if (one.get(0) instanceof Integer kind && one.get(1) instanceof String text) {
                    names.add(new Name(kind, kind == IP ? address(text) : text));
                }
            }
        } catch (CertificateParsingException e) {
            return List.of();
        }
        return names;
    }

    private static String address(String text) {
        try {
            return NetUtil.toAddressString(InetAddress.ofLiteral(text));
        } catch (IllegalArgumentException e) {
            return text;
        }
    }
}
