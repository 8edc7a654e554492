package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// The same requests, byte for byte, through mesh-proxy and through real Envoy as gateway and sidecar of one mesh: the
/// answers, and what the upstream saw, are the same but for what `known-differences.txt` lists with what differs; a
/// line there that no longer holds fails
/// too. Runs where `-Denvoy` names Envoy's binary: `make interop`.
@EnabledIfSystemProperty(named = "envoy", matches = ".+")
class DifferentialInteropTest {
    private static final String PROBE = "GET /echo | host: match.test";
    private static final Path INPUT = Path.of("src/test/resources/differential");

    /// Header lines that say something about the moment and not about the request.
    private static final Set<String> MOMENT = Set.of(
            "date", // the time of day
            "x-request-id", // random, made by the gateway
            "x-envoy-upstream-service-time", // milliseconds that the upstream took
            "x-envoy-expected-rq-timeout-ms"); // what is left of the timeout after earlier tries

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    @Test
    void everyAnswerIsTheSameAsEnvoys() throws Exception {
        List<String> requests = Files.readAllLines(INPUT.resolve("requests.txt")).stream()
                .filter(line -> !line.startsWith("#"))
                .toList();
        assertThat(requests).hasSizeGreaterThanOrEqualTo(150).doesNotHaveDuplicates();
        int edge = Fixture.freePort();
        int inbound = Fixture.freePort();
        Path folder = Files.createDirectory(work.resolve("config"));
        Files.writeString(
                folder.resolve("mesh.yaml"),
                Files.readString(INPUT.resolve("mesh.yaml"))
                        .replace("EDGE", "" + edge)
                        .replace("INBOUND", "" + inbound)
                        .replace("DEAD", "" + Fixture.freePort()));
        Path portFile = work.resolve("pilot.port");
        try (var application = new EchoServer();
                var pilot = Program.start(
                        "mesh-pilot",
                        "dev.mesh.pilot.boot.PilotMain",
                        work.resolve("pilot.log"),
                        List.of(
                                "--folder",
                                folder.toString(),
                                "--xds-port",
                                "0",
                                "--port-file",
                                portFile.toString()))) {
            await().atMost(Duration.ofSeconds(30)).until(() -> Files.exists(portFile) || !pilot.isAlive());
            assertThat(pilot.isAlive()).as(pilot.output()).isTrue();
            String xds = Files.readString(portFile);
            Path gateway =
                    Fixture.bootstrap(work, "edge", "router~127.0.0.1~edge.shop~shop.svc.cluster.local", xds, "{}");
            Path sidecar = Fixture.bootstrap(
                    work,
                    "side",
                    "sidecar~127.0.1.21~web-v1.shop~shop.svc.cluster.local",
                    xds,
                    "{\"" + inbound + "\": " + application.port() + "}");
            Map<String, String> ours;
            try (var proxies = Program.start(
                    "mesh-proxy",
                    "dev.mesh.proxy.boot.MeshProxy",
                    work.resolve("proxy.log"),
                    List.of("-c", gateway.toString(), "-c", sidecar.toString()))) {
                ours = answers(edge, requests, proxies);
            }
            application.forget();
            Map<String, String> envoys;
            try (var one = envoy(gateway);
                    var two = envoy(sidecar)) {
                envoys = answers(edge, requests, one);
                assertThat(two.isAlive()).as(two.output()).isTrue();
            }
            // Envoy writes the machine's own address where a client on the loopback interface has sent the request.
            var address = Pattern.compile("x-forwarded-for: (.*)").matcher(envoys.getOrDefault(PROBE, ""));
            assertThat(address.find())
                    .as("the upstream sees where a request came from")
                    .isTrue();
            Map<String, String> known = known();
            var differences = new ArrayList<String>();
            for (String request : requests) {
                String envoy = envoys.getOrDefault(request, "").replace(address.group(1), "127.0.0.1");
                String our = ours.getOrDefault(request, "");
                if (envoy.equals(our) == known.containsKey(request)) {
                    differences.add("\n=== " + request + "\n--- Envoy\n" + envoy + "\n--- mesh-proxy\n" + our
                            + (envoy.equals(our) ? "\n(no difference: take it from known-differences.txt)" : ""));
                }
            }
            assertThat(differences).as(pilot::toString).isEmpty();
            assertThat(requests).containsAll(known.keySet());
        }
    }

    // Request -> what differs.
    private static Map<String, String> known() throws IOException {
        var known = new LinkedHashMap<String, String>();
        for (String line : Files.readAllLines(INPUT.resolve("known-differences.txt"))) {
            int arrow = line.lastIndexOf(" => ");
            if (!line.startsWith("#")) {
                known.put(line.substring(0, arrow), line.substring(arrow + 4));
            }
        }
        return known;
    }

    private static Map<String, String> answers(int port, List<String> requests, Program proxy) {
        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() ->
                        assertThat(exchange(port, PROBE)).as(proxy::toString).startsWith("200"));
        var answers = new LinkedHashMap<String, String>();
        requests.forEach(request -> answers.put(request, exchange(port, request)));
        return answers;
    }

    private static String exchange(int port, String request) {
        var head = new StringBuilder();
        var body = "";
        for (String part : request.split(" \\| ", -1)) {
            if (part.startsWith("> ")) {
                body = part.substring(2).replace("\\r", "\r").replace("\\n", "\n");
            } else if (head.isEmpty()) {
                head.append(part).append(" HTTP/1.1\r\n");
            } else {
                head.append(part).append("\r\n");
            }
        }
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(8000);
            socket.getOutputStream().write((head + "\r\n" + body).getBytes(StandardCharsets.ISO_8859_1));
            var all = new StringBuilder();
            while (true) {
                var answer = RawHttp.read(socket.getInputStream(), request.substring(0, request.indexOf(' ')));
                all.append(print(answer));
                if (answer.status() != 100) {
                    return all.toString();
                }
            }
        } catch (IOException e) {
            return "no answer: " + e.getMessage();
        }
    }

    private static String print(RawHttp answer) throws IOException {
        // The length of a body that tells the client's address depends on the machine.
        String length = "(?i)content-length: " + answer.body().length();
        var headers = answer.headers().stream()
                .map(line -> line.matches(length) && !answer.body().isEmpty() ? "content-length: right" : line)
                .toList();
        return answer.status() + "\n" + lasting(headers) + "\n\n"
                + lasting(answer.body().lines().toList()) + "\n" + answer.trailers();
    }

    private static String lasting(List<String> lines) {
        return lines.stream()
                .filter(line -> !MOMENT.contains(line.replaceAll(":.*", "").toLowerCase(Locale.ROOT)))
                .sorted()
                .collect(Collectors.joining("\n"));
    }

    private Program envoy(Path bootstrap) throws IOException {
        return Program.run(
                List.of(
                        System.getProperty("envoy", ""),
                        "-c",
                        bootstrap.toString(),
                        "--concurrency",
                        "1",
                        "--disable-hot-restart"),
                work.resolve(bootstrap.getFileName() + ".log"));
    }
}
