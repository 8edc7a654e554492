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
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// The same requests, byte for byte, through mesh-proxy and through real Envoy as gateway and sidecar of one mesh: the
/// answers, and what the upstream saw, are the same but for what `known-differences.txt` lists with what differs; a
/// line there that no longer holds fails too. What HTTP/2 can say is asked by prior knowledge as well. Runs where
/// `-Denvoy` names Envoy's binary: `make interop`.
@EnabledIfSystemProperty(named = "envoy", matches = ".+")
class DifferentialInteropTest {
    private static final String PROBE = "GET /echo | host: match.test";
    private static final String HTTP_2 = "HTTP/2 ";
    private static final Path INPUT = Path.of("src/test/resources/differential");

    /// Header lines that say something about the moment and not about the request.
    private static final Set<String> MOMENT = Set.of(
            "date", // the time of day
            "x-request-id", // random, made by the gateway
            "x-envoy-upstream-service-time", // milliseconds that the upstream took
            "x-envoy-expected-rq-timeout-ms"); // what is left of the timeout after earlier tries

    /// Fields that are about an HTTP/1.1 connection.
    private static final Set<String> HOP_BY_HOP = Set.of(
            "connection",
            "keep-alive",
            "proxy-connection",
            "transfer-encoding",
            "upgrade",
            "trailer",
            "http2-settings");

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    @Test
    void everyAnswerIsTheSameAsEnvoys() throws Exception {
        List<String> written = Files.readAllLines(INPUT.resolve("requests.txt")).stream()
                .filter(line -> !line.startsWith("#"))
                .toList();
        assertThat(written).hasSizeGreaterThanOrEqualTo(150).doesNotHaveDuplicates();
        List<String> overHttp2 = written.stream()
                .filter(request -> !http2(request).isEmpty())
                .map(request -> HTTP_2 + request)
                .toList();
        assertThat(overHttp2).hasSizeGreaterThanOrEqualTo(200);
        List<String> requests =
                Stream.concat(written.stream(), overHttp2.stream()).toList();
        int edge = Fixture.freePort();
        int inbound = Fixture.freePort();
        Path folder = Files.createDirectory(work.resolve("config"));
        Files.writeString(
                folder.resolve("mesh.yaml"),
                Files.readString(INPUT.resolve("mesh.yaml"))
                        .replace("EDGE", "" + edge)
                        .replace("INBOUND", "" + inbound)
                        .replace("DEAD", "" + Fixture.freePort()));
        try (var application = new EchoServer();
                var pilot = Fixture.pilot(work, folder)) {
            String xds = Files.readString(work.resolve("pilot.port"));
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
                ours = answers(edge, written, proxies);
                application.forget();
                ours.putAll(answers(edge, overHttp2, proxies));
            }
            application.forget();
            Map<String, String> envoys;
            try (var one = envoy(gateway);
                    var two = envoy(sidecar)) {
                envoys = answers(edge, written, one);
                application.forget();
                envoys.putAll(answers(edge, overHttp2, one));
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

    /// A request's fields over HTTP/2; empty if it has something that HTTP/2 has no place for (RFC 9113, 8.2 and 8.3),
    /// or that is wrong in HTTP/1.1 already.
    private static List<RawHttp2.Field> http2(String request) {
        String[] parts = request.split(" \\| ", -1);
        String[] line = parts[0].split(" ", -1);
        var fields = new ArrayList<RawHttp2.Field>();
        String authority = "";
        String length = "";
        for (String part : List.of(parts).subList(1, parts.length)) {
            if (part.startsWith("> ")) {
                continue;
            }
            var header = Pattern.compile("([-_A-Za-z0-9]+): ?(|\\S|\\S.*\\S)").matcher(part);
            if (!header.matches()) {
                return List.of();
            }
            String name = header.group(1).toLowerCase(Locale.ROOT);
            String value = header.group(2);
            boolean again =
                    !authority.isEmpty() && name.equals("host") || !length.isEmpty() && name.equals("content-length");
            if (again || HOP_BY_HOP.contains(name) || (name.equals("te") && !value.equals("trailers"))) {
                return List.of();
            }
            if (name.equals("host")) {
                authority = value;
            } else {
                length = name.equals("content-length") ? value : length;
                fields.add(new RawHttp2.Field(name, value));
            }
        }
        boolean sayable = line.length == 2
                && line[0].matches("[A-Za-z]+")
                && !line[0].equals("CONNECT")
                && line[1].startsWith("/")
                && authority.matches("\\S+")
                && length.equals(
                        body(request).isEmpty() && length.isEmpty()
                                ? ""
                                : "" + body(request).length());
        if (!sayable) {
            return List.of();
        }
        fields.addAll(
                0,
                List.of(
                        new RawHttp2.Field(":method", line[0]),
                        new RawHttp2.Field(":scheme", "http"),
                        new RawHttp2.Field(":authority", authority),
                        new RawHttp2.Field(":path", line[1])));
        return fields;
    }

    private static String body(String request) {
        int at = request.indexOf(" | > ");
        return at < 0 ? "" : request.substring(at + 5).replace("\\r", "\r").replace("\\n", "\n");
    }

    private static String exchange(int port, String request) {
        if (request.startsWith(HTTP_2)) {
            String asked = request.substring(HTTP_2.length());
            try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                socket.setSoTimeout(8000);
                var all = new StringBuilder();
                for (RawHttp answer : RawHttp2.ask(socket, http2(asked), body(asked))) {
                    all.append(print(answer));
                }
                return all.toString();
            } catch (IOException e) {
                return "no answer: " + e.getMessage();
            }
        }
        var head = new StringBuilder();
        for (String part : request.split(" \\| ", -1)) {
            if (head.isEmpty()) {
                head.append(part).append(" HTTP/1.1\r\n");
            } else if (!part.startsWith("> ")) {
                head.append(part).append("\r\n");
            }
        }
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(8000);
            socket.getOutputStream().write((head + "\r\n" + body(request)).getBytes(StandardCharsets.ISO_8859_1));
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
