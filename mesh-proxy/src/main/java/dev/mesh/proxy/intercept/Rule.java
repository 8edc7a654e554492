package dev.mesh.proxy.intercept;

import java.util.List;

/// One rule of a chain: what all of `matches` are true for goes to `target`.
record Rule(List<Match> matches, Target target) {
    Rule {
        matches = List.copyOf(matches);
    }

    static Rule of(Target target, Match... matches) {
        return new Rule(List.of(matches), target);
    }

    /// A condition on a packet.
    sealed interface Match {
        /// @param name `tcp` or `udp`
        record Protocol(String name) implements Match {}

        record Source(String cidr) implements Match {}

        /// @param not whether it must be none of the range
        record Destination(String cidr, boolean not) implements Match {}

        /// Stands after the protocol.
        ///
        /// @param not whether it must be none of them
        record DestinationPorts(String protocol, List<Integer> ports, boolean not) implements Match {}

        /// Stands after the protocol.
        record SourcePort(String protocol, int port) implements Match {}

        /// @param name a final `+` stands for any end
        record InInterface(String name) implements Match {}

        /// @param name a final `+` stands for any end
        record OutInterface(String name) implements Match {}

        record User(long id, boolean not) implements Match {}

        record Group(long id, boolean not) implements Match {}

        /// @param states as iptables names them
        record ConnectionState(List<String> states) implements Match {}

        record PacketMark(long mark, boolean not) implements Match {}

        record ConnectionMark(long mark) implements Match {}
    }

    /// What becomes of a packet.
    sealed interface Target {
        /// Back to the chain that jumped here.
        record Return() implements Target {}

        record Accept() implements Target {}

        record Drop() implements Target {}

        record Jump(String chain) implements Target {}

        /// To a port of this machine, of TCP or UDP.
        record Redirect(int port) implements Target {}

        /// To a port of this machine, as it is.
        record Transparent(int port, long mark) implements Target {}

        /// Goes on to the next rule.
        record Mark(long mark) implements Target {}

        /// The packet's mark becomes the connection's. Goes on to the next rule.
        record SaveMark() implements Target {}

        /// The connection's mark becomes the packet's. Goes on to the next rule.
        record RestoreMark() implements Target {}

        /// Which of several tables of connections the packet belongs to.
        record Zone(int number) implements Target {}
    }
}
