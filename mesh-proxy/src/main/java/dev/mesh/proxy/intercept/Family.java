package dev.mesh.proxy.intercept;

/// A family of addresses, which has tables of its own.
enum Family {
    IPV4("ip", "-4", "127.0.0.6/32"),
    IPV6("ip6", "-6", "::6/128");

    /// As nft calls it.
    final String nft;

    /// The flag of the `ip` program.
    final String flag;

    /// The address that the proxy calls its application from, so that it is not taken for a caller to capture.
    final String inboundSource;

    Family(String nft, String flag, String inboundSource) {
        this.nft = nft;
        this.flag = flag;
        this.inboundSource = inboundSource;
    }
}
