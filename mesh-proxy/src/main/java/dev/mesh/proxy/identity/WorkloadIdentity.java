package dev.mesh.proxy.identity;

import com.google.protobuf.ByteString;
import dev.mesh.proxy.tls.FileSecrets;
import dev.mesh.proxy.tls.Secrets;
import dev.mesh.proxy.tls.WorkloadKey;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The workload's certificate: had from an authority, renewed at half of its life, and offered as the secrets
/// `default` and `ROOTCA`, beside those that are files. Any thread.
public final class WorkloadIdentity implements Secrets, AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(WorkloadIdentity.class);
    /// The workload's certificate and key.
    public static final String CERTIFICATE = "default";
    /// The authorities of the mesh.
    public static final String ROOT = "ROOTCA";

    private static final Duration BACKOFF_BASE = Duration.ofMillis(500);
    private static final Duration BACKOFF_MOST = Duration.ofSeconds(30);

    /// What is asked for.
    ///
    /// @param uri SPIFFE ID; the authority gives the one that the token proves
    /// @param root file with the authorities of the mesh; is trusted beside what the authority sends
    /// @param validity asked for
    public record Wanted(String uri, WorkloadKey.Kind key, Duration validity, Path root) {}

    /// A certificate with its key, in effect until it ends.
    private record Held(X509Certificate certificate, Secret secret, List<String> roots) {}

    private record Roots(@Nullable Secret file, Held held, Secret secret) {}

    private final Wanted wanted;
    private final CertificateAuthority authority;
    private final Clock clock;
    private final Waiting waiting;
    private final RandomGenerator random;
    private final FileSecrets files;
    private final CompletableFuture<Void> first = new CompletableFuture<>();
    private final AtomicLong requests = new AtomicLong();
    private final AtomicLong failures = new AtomicLong();
    private volatile @Nullable Held held;
    private volatile @Nullable Roots roots;
    private volatile String problem = "no certificate was asked for yet";
    private @Nullable Thread thread;

    public WorkloadIdentity(
            Wanted wanted,
            CertificateAuthority authority,
            FileSecrets files,
            Clock clock,
            Waiting waiting,
            RandomGenerator random) {
        this.wanted = wanted;
        this.authority = authority;
        this.files = files;
        this.clock = clock;
        this.waiting = waiting;
        this.random = random;
    }

    /// Asks for a certificate, and for the next ones in time, until [#close].
    public synchronized void start() {
        thread = Thread.ofVirtual().name("identity").start(this::run);
    }

    /// Completes when the first certificate is there.
    public CompletableFuture<Void> first() {
        return first;
    }

    /// Why there is no certificate that is valid now, as a sentence; empty if there is one.
    public String problem() {
        return isValid() ? "" : problem;
    }

    /// Whether there is a certificate that is valid now.
    public boolean isValid() {
        Held now = held;
        return now != null && !ended(now);
    }

    /// When the certificate ends; null if there is none.
    public @Nullable Instant ends() {
        Held now = held;
        return now == null ? null : now.certificate.getNotAfter().toInstant();
    }

    /// How often the authority was asked.
    public long requests() {
        return requests.get();
    }

    /// How often it has not signed.
    public long failures() {
        return failures.get();
    }

    private void run() {
        int attempt = 0;
        try {
            while (true) {
                Instant next;
                try {
                    requests.incrementAndGet();
                    Held got = request();
                    attempt = 0;
                    held = got;
                    problem = "";
                    next = renewal(got.certificate);
                    LOGGER.atInfo()
                            .addKeyValue("names", names(got.certificate))
                            .addKeyValue("until", got.certificate.getNotAfter().toInstant())
                            .addKeyValue("renewal", next)
                            .log("certificate of this workload");
                    first.complete(null);
                } catch (CertificateAuthority.Unsigned e) {
                    failures.incrementAndGet();
                    next = clock.instant().plus(backoff(attempt++));
                    failed(String.valueOf(e.getMessage()), next);
                }
                waiting.until(next);
            }
        } catch (InterruptedException e) {
            LOGGER.atDebug().log("no more certificates are asked for");
        }
    }

    private void failed(String sentence, Instant next) {
        Held now = held;
        String state = now == null
                ? "no certificate yet"
                : ended(now)
                        ? "the certificate ended at "
                                + now.certificate.getNotAfter().toInstant()
                        : "the certificate could not be renewed, and ends at "
                                + now.certificate.getNotAfter().toInstant();
        problem = state + ": " + sentence;
        LOGGER.atWarn().addKeyValue("nextTry", next).log("{}: {}", state, sentence);
    }

    // Half of the wait is for certain, half is by chance: pods that lost their pilot together do not come together.
    private Duration backoff(int attempt) {
        long bound = Math.min(BACKOFF_MOST.toMillis(), BACKOFF_BASE.toMillis() << Math.min(attempt, 10));
        return Duration.ofMillis(bound / 2 + random.nextLong(bound / 2 + 1));
    }

    /// At half of its life, a hundredth more or less, but not at once: an authority whose clock is far off must not be
    /// asked without end.
    private Instant renewal(X509Certificate certificate) {
        Instant from = certificate.getNotBefore().toInstant();
        Duration life = Duration.between(from, certificate.getNotAfter().toInstant());
        Instant half = from.plusMillis(Math.round(life.toMillis() * (0.49 + 0.02 * random.nextDouble())));
        Instant soonest = clock.instant().plus(BACKOFF_MOST);
        if (half.isAfter(soonest)) {
            return half;
        }
        Instant end = certificate.getNotAfter().toInstant();
        // A very short life is had to the half of what is left of it.
        Duration left = Duration.between(clock.instant(), end);
        return left.isPositive() && left.dividedBy(2).compareTo(BACKOFF_MOST) < 0
                ? clock.instant().plus(max(left.dividedBy(2), Duration.ofSeconds(1)))
                : soonest;
    }

    private static Duration max(Duration one, Duration other) {
        return one.compareTo(other) > 0 ? one : other;
    }

    private Held request() throws CertificateAuthority.Unsigned {
        WorkloadKey key = WorkloadKey.generate(wanted.key);
        List<String> answer = authority.sign(key.request(wanted.uri), wanted.validity);
        List<X509Certificate> chain;
        List<X509Certificate> roots;
        try {
            // The roots come last, and are no part of what is shown to peers: there are several while one is replaced.
            int blocks = answer.size();
            if (blocks > 1) {
                chain = WorkloadKey.certificates(String.join("\n", answer.subList(0, blocks - 1)));
                roots = WorkloadKey.certificates(answer.getLast());
            } else {
                List<X509Certificate> all = WorkloadKey.certificates(String.join("\n", answer));
                int shown = Math.max(1, all.size() - 1);
                chain = all.subList(0, shown);
                roots = all.subList(shown, all.size());
            }
        } catch (GeneralSecurityException e) {
            throw new CertificateAuthority.Unsigned(
                    "the certificate authority answered with what is no certificate: " + e.getMessage());
        }
        X509Certificate own = chain.getFirst();
        if (!key.isOf(own)) {
            throw new CertificateAuthority.Unsigned(
                    "the certificate authority answered with a certificate for another key");
        }
        lookAtClock(own);
        if (!names(own).contains(wanted.uri)) {
            LOGGER.atWarn()
                    .addKeyValue("asked", wanted.uri)
                    .addKeyValue("got", names(own))
                    .log("the certificate is for another identity than was asked for (look at TRUST_DOMAIN and"
                            + " SERVICE_ACCOUNT)");
        }
        String shown = chain.stream().map(WorkloadIdentity::pem).collect(Collectors.joining());
        Secret secret = Secret.newBuilder()
                .setName(CERTIFICATE)
                .setTlsCertificate(TlsCertificate.newBuilder()
                        .setCertificateChain(inline(shown))
                        .setPrivateKey(inline(key.pem())))
                .build();
        return new Held(own, secret, roots.stream().map(WorkloadIdentity::pem).toList());
    }

    private void lookAtClock(X509Certificate certificate) throws CertificateAuthority.Unsigned {
        Instant now = clock.instant();
        Instant from = certificate.getNotBefore().toInstant();
        Instant until = certificate.getNotAfter().toInstant();
        if (until.isBefore(now)) {
            throw new CertificateAuthority.Unsigned("the certificate that was just signed ended at " + until
                    + ", and this machine's clock says " + now + ": look at both clocks");
        }
        if (from.isAfter(now)) {
            LOGGER.atWarn()
                    .addKeyValue("validFrom", from)
                    .addKeyValue("now", now)
                    .log("the certificate that was just signed is not valid yet by this machine's clock: look at both"
                            + " clocks");
        }
    }

    private static String pem(X509Certificate certificate) {
        try {
            return WorkloadKey.pem("CERTIFICATE", certificate.getEncoded());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("it was parsed from these bytes", e);
        }
    }

    private static List<String> names(X509Certificate certificate) {
        var names = new ArrayList<String>();
        try {
            var all = certificate.getSubjectAlternativeNames();
            if (all != null) {
                all.forEach(name -> names.add(String.valueOf(name.get(1))));
            }
        } catch (GeneralSecurityException e) {
            return List.of("names that cannot be read");
        }
        return names;
    }

    private static DataSource inline(String pem) {
        return DataSource.newBuilder()
                .setInlineBytes(ByteString.copyFromUtf8(pem))
                .build();
    }

    // ---- secrets ----

    @Override
    public boolean offers(String name) {
        return name.equals(CERTIFICATE) || name.equals(ROOT) || files.offers(name);
    }

    @Override
    public List<String> names() {
        var names = new ArrayList<String>(List.of(CERTIFICATE, ROOT));
        names.addAll(files.names());
        return names;
    }

    @Override
    public @Nullable Secret find(String name) {
        Held now = held;
        return switch (name) {
            case CERTIFICATE -> now == null || ended(now) ? null : now.secret;
            case ROOT -> now == null ? null : root(now);
            default -> files.find(name);
        };
    }

    @Override
    public List<Secret> all() {
        var all = new ArrayList<Secret>();
        for (String name : List.of(CERTIFICATE, ROOT)) {
            Secret secret = find(name);
            if (secret != null) {
                all.add(secret);
            }
        }
        return all;
    }

    private boolean ended(Held one) {
        return one.certificate.getNotAfter().toInstant().isBefore(clock.instant());
    }

    // What the authority sent, and what the file holds: while a root is replaced they may differ, and peers have
    // either.
    private Secret root(Held now) {
        Secret file = files.find(FileSecrets.ROOT + wanted.root);
        Roots last = roots;
        if (last != null && last.file == file && last.held == now) {
            return last.secret;
        }
        String pem = file == null
                ? ""
                : file.getValidationContext().getTrustedCa().getInlineBytes().toStringUtf8();
        String sent = now.roots.stream().filter(root -> !holds(pem, root)).collect(Collectors.joining());
        Secret secret = Secret.newBuilder()
                .setName(ROOT)
                .setValidationContext(CertificateValidationContext.newBuilder().setTrustedCa(inline(sent + pem)))
                .build();
        if (last != null && last.secret.equals(secret)) {
            secret = last.secret;
        }
        roots = new Roots(file, now, secret);
        return secret;
    }

    private static boolean holds(String pem, String root) {
        return pem.replaceAll("\\s", "").contains(root.replaceAll("\\s", ""));
    }

    @Override
    public synchronized void close() {
        Thread running = thread;
        if (running != null) {
            running.interrupt();
        }
    }
}
