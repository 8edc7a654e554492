package dev.mesh.proxy.filter;

import io.envoyproxy.envoy.type.v3.FractionalPercent;
import java.util.random.RandomGenerator;

/// A share of requests, `envoy.type.v3.FractionalPercent`.
///
/// @param numerator of `denominator`; more than that means all
/// @param denominator 100, 10 000 or 1 000 000
public record Fraction(long numerator, long denominator) {
    public static final Fraction ALL = new Fraction(100, 100);

    public static Fraction of(FractionalPercent proto) throws ConfigRejected {
        long denominator = switch (proto.getDenominator()) {
            case HUNDRED -> 100;
            case TEN_THOUSAND -> 10_000;
            case MILLION -> 1_000_000;
            case UNRECOGNIZED ->
                throw new ConfigRejected("denominator: " + proto.getDenominatorValue()
                        + " (expected: HUNDRED, TEN_THOUSAND or MILLION)");
        };
        return new Fraction(Integer.toUnsignedLong(proto.getNumerator()), denominator);
    }

    /// Draws whether one request is in the share.
    public boolean hit(RandomGenerator random) {
        return numerator >= denominator || numerator > 0 && random.nextLong(denominator) < numerator;
    }

    /// This, or less of it.
    public Fraction atMost(long otherNumerator) {
        return new Fraction(Math.clamp(otherNumerator, 0, numerator), denominator);
    }
}
