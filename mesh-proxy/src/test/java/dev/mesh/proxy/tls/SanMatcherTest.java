package dev.mesh.proxy.tls;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SanMatcherTest {
    @ParameterizedTest
    @CsvSource({
        "a.example, a.example, true",
        "A.example, a.EXAMPLE, true",
        "a.example, *.example, true",
        "abc.example, a*c.example, true",
        "ac.example, a*c.example, true",
        "a.example, a*a.example, false",
        "a.b.example, *.example, false",
        "a.b.example, *.b.example, true",
        "a.b.example, a.*.example, false",
        "a.example, **.example, false",
        "xn--a.example, xn--*.example, false",
        "localhost, *, false",
        ".example, *.example, false",
        "a.example, b.example, false",
    })
    void aNameOfACertificateIsGoodForAHost(String host, String name, boolean good) {
        assertThat(SanMatcher.dnsMatches(host, name)).isEqualTo(good);
    }

    @Test
    void aNameWithANulIsNone() {
        var matcher = new SanMatcher(SanMatcher.DNS, name -> name.startsWith("a.example"));
        assertThat(matcher.matches(new SanMatcher.Name(SanMatcher.DNS, "a.example")))
                .isTrue();
        assertThat(matcher.matches(new SanMatcher.Name(SanMatcher.DNS, "a.example\0.evil")))
                .isFalse();
        assertThat(matcher.matches(new SanMatcher.Name(SanMatcher.URI, "a.example")))
                .isFalse();
    }
}
