package dev.mesh.pilot.inject;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Lists of ports and of address ranges, separated by commas.
final class AddressLists {
    private static final Pattern PORT = Pattern.compile("\\d{1,5}");
    private static final Pattern V4 = Pattern.compile("(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})");
    private static final Pattern V6 = Pattern.compile("[0-9a-fA-F:]+(:\\d{1,3}(\\.\\d{1,3}){3})?");

    private AddressLists() {}

    static boolean port(String text) {
        return PORT.matcher(text).matches() && Integer.parseInt(text) <= 65535;
    }

    /// @return what was expected, or null if it is a list of ports or empty
    static @Nullable String ports(String text) {
        return text.isBlank() || items(text).stream().allMatch(AddressLists::port)
                ? null
                : "ports from 0 to 65535, separated by commas";
    }

    /// @return what was expected, or null if it is a list of ranges or empty
    static @Nullable String ranges(String text) {
        return text.isEmpty() || items(text).stream().allMatch(AddressLists::range)
                ? null
                : "ranges such as 10.0.0.0/8 or 2001:db8::/32, separated by commas";
    }

    static List<String> items(String text) {
        var items = new ArrayList<String>();
        for (String item : text.split(",", -1)) {
            items.add(item.strip());
        }
        return items;
    }

    private static boolean range(String text) {
        int slash = text.indexOf('/');
        if (slash < 0 || !text.substring(slash + 1).matches("\\d{1,3}")) {
            return false;
        }
        String address = text.substring(0, slash);
        int bits = Integer.parseInt(text.substring(slash + 1));
        var v4 = V4.matcher(address);
        if (v4.matches()) {
            for (int i = 1; i <= 4; i++) {
                if (Integer.parseInt(v4.group(i)) > 255) {
                    return false;
                }
            }
            return bits <= 32;
        }
        if (!address.contains(":") || !V6.matcher(address).matches() || bits > 128) {
            return false;
        }
        try {
            // A literal with colons is never looked up.
            return java.net.InetAddress.ofLiteral(address) != null;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /// The list with one port more, if it has it not.
    static String with(String port, String list) {
        if (port.isEmpty() || port.equals("0")) {
            return list;
        }
        List<String> items =
                items(list).stream().filter(item -> !item.isEmpty()).toList();
        return items.contains(port) ? list : items.isEmpty() ? port : String.join(",", items) + "," + port;
    }
}
