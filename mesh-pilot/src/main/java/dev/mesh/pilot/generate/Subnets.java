package dev.mesh.pilot.generate;

import java.net.InetAddress;
import java.util.List;

/// Address ranges in CIDR form.
final class Subnets {
    private Subnets() {}

    /// Whether a service with these addresses is in one of the ranges. No ranges contain everything, and a service
    /// without an address of its own is in none.
    static boolean anyContains(List<String> ranges, List<String> addresses) {
        return ranges.isEmpty()
                || ranges.stream().anyMatch(range -> addresses.stream().anyMatch(address -> contains(range, address)));
    }

    private static boolean contains(String range, String address) {
        int slash = range.indexOf('/');
        try {
            byte[] low = InetAddress.ofLiteral(slash < 0 ? range : range.substring(0, slash))
                    .getAddress();
            byte[] at = InetAddress.ofLiteral(address.replaceFirst("/.*", "")).getAddress();
            int bits = slash < 0 ? low.length * 8 : Integer.parseInt(range.substring(slash + 1));
            if (low.length != at.length) {
                return false;
            }
            for (int i = 0; i < bits; i++) {
                int mask = 0x80 >> (i % 8);
                if ((low[i / 8] & mask) != (at[i / 8] & mask)) {
                    return false;
                }
            }
            return true;
        } catch (IllegalArgumentException e) {
            return false; // refused when the object was read
        }
    }
}
