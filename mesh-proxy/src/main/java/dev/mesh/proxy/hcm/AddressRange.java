package dev.mesh.proxy.hcm;

import java.net.InetAddress;

/// A CIDR range (`envoy.config.core.v3.CidrRange`).
///
/// @param prefix the address, 4 or 16 bytes
/// @param length how many of its first bits count
record AddressRange(InetAddress prefix, int length) {
    boolean contains(InetAddress address) {
        byte[] want = prefix.getAddress();
        byte[] have = address.getAddress();
        if (want.length != have.length) {
            return false;
        }
        for (int bit = 0; bit < length; bit += 8) {
            int mask = length - bit >= 8 ? 0xff : 0xff << (8 - (length - bit)) & 0xff;
            if (((want[bit / 8] ^ have[bit / 8]) & mask) != 0) {
                return false;
            }
        }
        return true;
    }
}
