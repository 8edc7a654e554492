package dev.mesh.pilot.ca;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RootRotationTest {
    private static final Instant START = Instant.parse("2026-05-01T12:00:00Z");

    private static SigningMaterial root(String name) {
        return CertificateAuthority.selfSigned(name, Clock.fixed(START, ZoneOffset.UTC), name);
    }

    private final SigningMaterial old = root("old");
    private final SigningMaterial young = root("young");
    private final RootRotation rotation = new RootRotation();

    private void take(SigningMaterial read, Instant when) {
        rotation.take(read, Map.of(), when);
    }

    private X509Certificate signer() {
        return rotation.current().signer();
    }

    @Test
    void aNewRootIsDistributedBeforeItSignsAndTheOldOneIsTrustedAfter() {
        take(old, START);
        assertThat(rotation.current().roots()).containsExactly(old.signer());
        assertThat(rotation.nextStep()).isNull();

        take(young, START.plusSeconds(100));
        assertThat(signer()).as("signs meanwhile").isEqualTo(old.signer());
        assertThat(rotation.current().roots()).containsExactly(young.signer(), old.signer());
        Instant step = START.plusSeconds(100).plus(RootRotation.PROPAGATION);
        assertThat(rotation.nextStep()).isEqualTo(step);
        take(young, step.minusMillis(1));
        assertThat(signer()).isEqualTo(old.signer());

        take(young, step);
        assertThat(signer()).isEqualTo(young.signer());
        assertThat(rotation.current().roots()).containsExactly(young.signer(), old.signer());
        assertThat(rotation.nextStep()).isNull();
        Instant end = step.plus(RootRotation.RETENTION);
        assertThat(rotation.retired()).containsExactly(Map.entry(old.signer(), end));

        take(young, end.minusMillis(1));
        assertThat(rotation.current().roots()).contains(old.signer());
        take(young, end);
        assertThat(rotation.current().roots()).containsExactly(young.signer());
    }

    @Test
    void aPilotThatStartsLaterTrustsWhatOthersHaveRetired() {
        Map<X509Certificate, Instant> told = Map.of(old.signer(), START.plusSeconds(10));
        rotation.take(young, told, START);

        assertThat(signer()).isEqualTo(young.signer());
        assertThat(rotation.current().roots()).containsExactly(young.signer(), old.signer());
        rotation.take(young, told, START.plusSeconds(10));
        assertThat(rotation.current().roots()).containsExactly(young.signer());
    }

    @Test
    void whoGoesTheStepsByHandIsNotMadeToWaitTwice() throws Exception {
        take(old, START);
        var both = new SigningMaterial(
                old.chain(), old.key(), java.util.List.of(old.signer(), young.signer()), "cacerts, both roots");
        take(both, START.plusSeconds(1));
        assertThat(rotation.current().roots()).containsExactly(old.signer(), young.signer());

        take(young, START.plusSeconds(1).plus(RootRotation.PROPAGATION));
        assertThat(signer()).isEqualTo(young.signer());
    }

    @Test
    void aNewIntermediateBelowTheSameRootSignsAtOnceAndSoDoesARenewedRoot() throws Exception {
        take(old, START);
        SigningMaterial intermediate = Intermediates.under(old, Requests.elliptic("secp256r1"), START);
        take(intermediate, START.plusSeconds(1));
        assertThat(signer()).isEqualTo(intermediate.signer());
        assertThat(rotation.retired()).isEmpty();

        SigningMaterial renewed =
                CertificateAuthority.renewed(old, Clock.fixed(START.plus(Duration.ofDays(3000)), ZoneOffset.UTC));
        take(renewed, START.plusSeconds(2));
        assertThat(signer()).isEqualTo(renewed.signer());
        assertThat(rotation.current().roots()).containsExactly(renewed.signer(), old.signer());
    }

    @Test
    void whoTakesANewRootBackKeepsTheOldOneSigning() {
        take(old, START);
        take(young, START.plusSeconds(1));
        take(old, START.plusSeconds(2));
        take(old, START.plus(Duration.ofDays(1)));

        assertThat(signer()).isEqualTo(old.signer());
        assertThat(rotation.nextStep()).isNull();
        assertThat(rotation.current().roots())
                .as("another replica may have signed with it")
                .containsExactly(old.signer(), young.signer());
    }

    @Test
    void aRootThatHasEndedSignsNoLonger() {
        take(old, START);
        Instant after = old.signer().getNotAfter().toInstant().plusSeconds(1);
        SigningMaterial next = CertificateAuthority.selfSigned("next", Clock.fixed(after, ZoneOffset.UTC), "next");

        take(next, after);

        assertThat(signer()).as("there is nothing better").isEqualTo(next.signer());
        assertThat(rotation.current().roots()).containsExactly(next.signer());
    }

    @Test
    void whatSignsWhileANewRootWaitsIsToldToPilotsThatStart() {
        take(old, START);
        take(young, START.plusSeconds(1));
        Map<X509Certificate, Instant> told = rotation.retired();
        assertThat(told)
                .containsExactly(Map.entry(
                        old.signer(),
                        START.plusSeconds(1).plus(RootRotation.PROPAGATION).plus(RootRotation.RETENTION)));

        Instant start = START.plusSeconds(200);
        var second = new RootRotation();
        second.resume(old, told, start);
        second.take(young, told, start);
        assertThat(second.current().signer()).isEqualTo(old.signer());
        assertThat(second.current().roots()).containsExactly(young.signer(), old.signer());
        assertThat(second.nextStep())
                .as("it may have been the first to distribute the new one")
                .isEqualTo(start.plus(RootRotation.PROPAGATION));
        second.take(young, told, start.plus(RootRotation.PROPAGATION));
        assertThat(second.current().signer()).isEqualTo(young.signer());

        var late = new RootRotation();
        Instant after = START.plusSeconds(1).plus(RootRotation.PROPAGATION);
        late.resume(old, told, after);
        late.take(young, told, after);
        assertThat(late.current().signer()).as("its time is over").isEqualTo(young.signer());
        assertThat(late.current().roots()).containsExactly(young.signer(), old.signer());
    }

    @Test
    void aRootThatWasTakenBackIsTrustedAsLongAsAnyOther() {
        take(old, START);
        take(young, START.plusSeconds(1));
        Map<X509Certificate, Instant> told = rotation.retired();
        rotation.take(old, told, START.plusSeconds(2));

        Instant again = START.plus(Duration.ofDays(80));
        rotation.take(young, told, again);

        assertThat(signer()).isEqualTo(young.signer());
        assertThat(rotation.retired()).containsEntry(old.signer(), again.plus(RootRotation.RETENTION));
    }

    @Test
    void whatIsTakenOutOfTheSecretIsTrustedNoLongerAndComesBackAsNew() {
        take(old, START);
        take(young, START.plusSeconds(1));
        Instant step = START.plusSeconds(1).plus(RootRotation.PROPAGATION);
        take(young, step);
        assertThat(rotation.current().roots()).containsExactly(young.signer(), old.signer());
        rotation.take(young, rotation.retired(), step.plusSeconds(1));

        take(young, step.plusSeconds(2));
        assertThat(rotation.current().roots()).containsExactly(young.signer());
        assertThat(rotation.retired()).isEmpty();

        take(old, step.plus(Duration.ofDays(1)));
        assertThat(signer()).as("nobody has the other any more").isEqualTo(young.signer());
    }

    @Test
    void whatSignsIsTrustedThoughItIsTakenOutOfTheSecret() {
        take(old, START);
        take(young, START.plusSeconds(1));
        rotation.kept(rotation.retired().keySet());

        take(young, START.plusSeconds(2));
        assertThat(rotation.current().roots()).containsExactly(young.signer(), old.signer());
        assertThat(rotation.retired()).as("to be written again").containsKey(old.signer());
    }
}
