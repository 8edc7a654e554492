package dev.mesh.proxy.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.proxy.tls.FileSecrets;
import dev.mesh.proxy.tls.WorkloadKey;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WorkloadIdentityTest {
    private static final String URI = "spiffe://cluster.local/ns/shop/sa/cart";

    private final ManualTime time = new ManualTime();
    private SigningAuthority authority;
    private Path root;
    private WorkloadIdentity identity;

    @BeforeEach
    void authority(@TempDir Path folder) throws Exception {
        authority = new SigningAuthority(time);
        root = folder.resolve("root-cert.pem");
        Files.writeString(root, authority.root());
        identity = identity(WorkloadKey.Kind.P256);
    }

    private WorkloadIdentity identity(WorkloadKey.Kind key) {
        return new WorkloadIdentity(
                new WorkloadIdentity.Wanted(URI, key, Duration.ofHours(24), root),
                authority,
                new FileSecrets(),
                time,
                time,
                new Random(1));
    }

    @AfterEach
    void close() {
        identity.close();
    }

    private Secret secret(String name) {
        return Objects.requireNonNull(identity.find(name));
    }

    /// @return until when
    private Instant waits() {
        await().until(() -> time.waitedFor() != null);
        return Objects.requireNonNull(time.waitedFor());
    }

    private void waitsAgain(Instant after) {
        await().until(() -> {
            Instant next = time.waitedFor();
            return next != null && next.isAfter(after);
        });
    }

    private static List<X509Certificate> chain(Secret secret) throws Exception {
        return WorkloadKey.certificates(secret.getTlsCertificate()
                .getCertificateChain()
                .getInlineBytes()
                .toStringUtf8());
    }

    private String roots() {
        return secret("ROOTCA")
                .getValidationContext()
                .getTrustedCa()
                .getInlineBytes()
                .toStringUtf8();
    }

    @ParameterizedTest
    @EnumSource(WorkloadKey.Kind.class)
    void asksForItsNameWithAKeyOfTheWantedKind(WorkloadKey.Kind kind) throws Exception {
        identity = identity(kind);
        identity.start();
        waits();

        assertThat(identity.problem()).isEmpty();
        assertThat(authority.asked()).containsExactly(URI);
        assertThat(identity.first()).isCompleted();
        List<X509Certificate> shown = chain(secret("default"));
        assertThat(shown).hasSize(2); // itself and the intermediate; peers have the root
        assertThat(shown.getFirst().getPublicKey().getAlgorithm())
                .isEqualTo(kind.name().startsWith("RSA") ? "RSA" : "EC");
        assertThat(roots()).isEqualToIgnoringWhitespace(authority.root());
    }

    @Test
    void isRenewedAtHalfOfItsLife() throws Exception {
        identity.start();
        waits();
        X509Certificate first = chain(secret("default")).getFirst();
        Instant from = first.getNotBefore().toInstant();
        Duration life = Duration.between(from, first.getNotAfter().toInstant());

        Instant renewal = waits();

        assertThat(renewal).isBetween(from.plusMillis((long) (life.toMillis() * 0.49)), from.plusMillis((long)
                (life.toMillis() * 0.51)));
        Secret before = secret("default");
        assertThat(secret("default")).isSameAs(before);
        time.advanceTo(renewal);
        waitsAgain(renewal);
        assertThat(authority.asked()).hasSize(2);
        assertThat(secret("default")).isNotSameAs(before);
        assertThat(chain(secret("default")).getFirst().getPublicKey()).isNotEqualTo(first.getPublicKey());
        assertThat(roots()).isEqualToIgnoringWhitespace(authority.root());
    }

    @Test
    void aRefusalIsASentenceAndTriedAgainLaterAndLater() {
        authority.refuse("cannot reach the certificate authority at pilot:15012: Connection refused");
        identity.start();
        Instant start = time.instant();
        Duration longest = Duration.ZERO;
        for (int i = 0; i < 12; i++) {
            waits();
            assertThat(identity.problem())
                    .isEqualTo("no certificate yet: cannot reach the certificate authority at pilot:15012: Connection"
                            + " refused");
            Instant next = waits();
            Duration pause = Duration.between(time.instant(), next);
            assertThat(pause).isPositive().isLessThanOrEqualTo(Duration.ofSeconds(30));
            longest = pause.compareTo(longest) > 0 ? pause : longest;
            int asked = authority.asked().size();
            time.advanceTo(next);
            await().until(() -> authority.asked().size() > asked);
        }
        assertThat(longest).isGreaterThan(Duration.ofSeconds(14));
        assertThat(Duration.between(start, time.instant())).isGreaterThan(Duration.ofMinutes(1));
        waits();
        authority.refuse(null);
        time.advanceTo(waits());
        await().until(() -> identity.first().isDone());
        assertThat(identity.problem()).isEmpty();
        assertThat(identity.failures()).isEqualTo(13);
    }

    @Test
    void whatIsThereServesUntilItEnds() {
        identity.start();
        waits();
        authority.refuse("refused");
        Instant end = Objects.requireNonNull(identity.ends());
        Instant renewal = waits();
        time.advanceTo(renewal);
        waitsAgain(renewal);
        assertThat(secret("default")).isNotNull();
        assertThat(identity.problem()).isEmpty();

        time.advanceTo(end.plusSeconds(1));

        assertThat(identity.find("default")).isNull();
        assertThat(identity.isValid()).isFalse();
        await().untilAsserted(() ->
                assertThat(identity.problem()).isEqualTo("the certificate ended at " + end + ": refused"));
        authority.refuse(null);
        waits();
        time.advance(Duration.ofMinutes(1));
        await().until(identity::isValid);
    }

    @Test
    void aCertificateForAnotherKeyIsNotTaken() {
        authority.signAnothersKey(true);
        identity.start();
        waits();
        assertThat(identity.problem()).contains("answered with a certificate for another key");
        assertThat(identity.find("default")).isNull();
    }

    @Test
    void aClockThatIsFarOffIsSaidAndNotAskedWithoutEnd() {
        authority.skew(Duration.ofDays(-3));
        identity.start();
        waits();
        assertThat(identity.problem()).contains("just signed ended at").contains("look at both clocks");
        assertThat(time.waitedFor()).isAfter(time.instant());
    }

    @Test
    void aLifeThatIsHalfOverIsRenewedSoonButNotAtOnce() {
        authority.skew(Duration.ofHours(-18));
        identity.start();
        waits();
        assertThat(identity.problem()).isEmpty();
        assertThat(time.waitedFor()).isEqualTo(time.instant().plusSeconds(30));
    }

    @Test
    void aRootThatWasAddedToTheFileIsTrustedToo() throws Exception {
        identity.start();
        waits();
        Secret before = secret("ROOTCA");
        assertThat(secret("ROOTCA")).isSameAs(before);
        String other = new SigningAuthority(time).root();

        Files.writeString(root, authority.root() + other);

        assertThat(secret("ROOTCA")).isNotSameAs(before);
        assertThat(WorkloadKey.certificates(roots())).hasSize(2);
        Files.writeString(root, other);
        assertThat(WorkloadKey.certificates(roots())).hasSize(2);
    }

    @Test
    void allRootsOfAnAnswerAreTrustedAndNoneIsShown() throws Exception {
        String other = new SigningAuthority(time).root();
        authority.replacedBy(other);
        identity.start();
        waits();

        assertThat(chain(secret("default"))).hasSize(2);
        assertThat(WorkloadKey.certificates(roots()))
                .containsExactlyInAnyOrderElementsOf(WorkloadKey.certificates(authority.root() + other));
    }

    @Test
    void anAnswerOfOneBlockEndsWithTheRoot() throws Exception {
        Files.delete(root);
        authority.oneBlock(true);
        identity.start();
        waits();

        assertThat(chain(secret("default"))).hasSize(2);
        assertThat(roots()).isEqualToIgnoringWhitespace(authority.root());
    }
}
