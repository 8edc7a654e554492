package dev.mesh.api.local;

import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.CRC32;

/// The loopback addresses of a mesh on one machine. The pilot binds listeners to them and meshctl writes them
/// into the hosts files of the applications, so both ask here.
///
///     127.0.x.y     the workload: inbound, and the source of its calls
///     127.128.x.y   where its own calls to HTTP services go
///     127.z.x.y     one for each TCP service it may call, z from 129 to 254
///
/// What belongs to one workload keeps its `x.y`, so workloads never collide.
public final class LocalAddresses {
    private static final int OUTBOUND = 128;
    private static final int FIRST_VIRTUAL = 129;
    private static final int VIRTUALS = 254 - FIRST_VIRTUAL + 1;

    private LocalAddresses() {}

    /// Whether `address` can be a workload's: `127.0.x.y` but for `127.0.0.y`.
    public static boolean isWorkload(String address) {
        String[] parts = address.split("\\.", -1);
        return parts.length == 4
                && parts[0].equals("127")
                && parts[1].equals("0")
                && !parts[2].equals("0")
                && isOctet(parts[2])
                && isOctet(parts[3]);
    }

    /// Where the calls of the workload at `127.0.x.y` to HTTP services go.
    ///
    /// @throws IllegalArgumentException if it is not a workload's address
    public static String outbound(String workloadAddress) {
        if (!isWorkload(workloadAddress)) {
            throw new IllegalArgumentException(
                    workloadAddress + " (expected: 127.0.x.y with x from 1 to 255, one for each workload)");
        }
        return withSecond(workloadAddress, OUTBOUND);
    }

    /// An address for each TCP service, next to the workload's outbound address. A service keeps its address
    /// when others come and go, unless their hashes meet.
    ///
    /// @param outboundAddress as [#outbound] gives it
    /// @throws IllegalArgumentException if there are more services than addresses (126)
    public static SortedMap<String, String> virtual(String outboundAddress, Collection<String> tcpHosts) {
        var hosts = new TreeSet<>(tcpHosts);
        if (hosts.size() > VIRTUALS) {
            throw new IllegalArgumentException(
                    hosts.size() + " TCP services (expected: at most " + VIRTUALS + " for one local workload)");
        }
        var taken = new boolean[VIRTUALS];
        var addresses = new TreeMap<String, String>();
        for (String host : hosts) {
            var crc = new CRC32();
            crc.update(host.getBytes(StandardCharsets.UTF_8));
            int slot = (int) (crc.getValue() % VIRTUALS);
            while (taken[slot]) {
                slot = (slot + 1) % VIRTUALS;
            }
            taken[slot] = true;
            addresses.put(host, withSecond(outboundAddress, FIRST_VIRTUAL + slot));
        }
        return addresses;
    }

    private static boolean isOctet(String text) {
        return text.matches("0|[1-9][0-9]{0,2}") && Integer.parseInt(text) <= 255;
    }

    private static String withSecond(String address, int octet) {
        String[] parts = address.split("\\.", -1);
        return parts[0] + "." + octet + "." + parts[2] + "." + parts[3];
    }
}
