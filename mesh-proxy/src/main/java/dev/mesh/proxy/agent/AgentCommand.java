package dev.mesh.proxy.agent;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `mesh-proxy wait` and `mesh-proxy drain`: what the kubelet runs beside a proxy, in hooks. It must start fast, so it
/// uses nothing but the JDK's base, and neither loggers nor JSON.
public final class AgentCommand {
    private static final Pattern STATUS_PORT = Pattern.compile("\"statusPort\"\\s*:\\s*([0-9]{1,5})");
    private static final String USAGE = """
            usage: mesh-proxy wait [--timeout SECONDS]     waits until this pod's proxy is ready (default: 60)
                     --timeoutSeconds, --periodMillis, --requestTimeoutMillis, --url: as Istio's pilot-agent wait
                   mesh-proxy drain                        makes this pod's proxy unready and drains it; it serves on
            """;

    private AgentCommand() {}

    /// @param command `wait` or `drain`
    /// @return the exit status
    public static int run(
            String command, List<String> args, Map<String, String> environment, PrintStream out, PrintStream err) {
        long timeout = 60_000;
        long period = 500;
        long each = 500;
        String host = "127.0.0.1";
        String path = "/healthz/ready";
        int port = number(environment.getOrDefault("ENVOY_STATUS_PORT", ""), 15021);
        for (int i = 0; i < args.size(); i++) {
            String name = args.get(i);
            if (name.equals("--help") || name.equals("-h")) {
                out.print(USAGE);
                return 0;
            }
            int equals = name.indexOf('=');
            String value = equals > 0 ? name.substring(equals + 1) : i + 1 < args.size() ? args.get(++i) : "";
            name = equals > 0 ? name.substring(0, equals) : name;
            boolean number = value.matches("[0-9]{1,7}");
            if (command.equals("wait") && (name.equals("--timeout") || name.equals("--timeoutSeconds")) && number) {
                timeout = Long.parseLong(value) * 1000;
            } else if (command.equals("wait") && name.equals("--periodMillis") && number) {
                period = Math.max(1, Long.parseLong(value));
            } else if (command.equals("wait") && name.equals("--requestTimeoutMillis") && number) {
                each = Math.max(1, Long.parseLong(value));
            } else if (command.equals("wait") && name.equals("--url") && value.matches("http://[^/:]+:[0-9]{1,5}/.*")) {
                host = value.substring(7, value.indexOf(':', 7));
                port = Integer.parseInt(value.substring(value.indexOf(':', 7) + 1, value.indexOf('/', 7)));
                path = value.substring(value.indexOf('/', 7));
            } else {
                err.println("mesh-proxy " + command + ": " + name + " \"" + value + "\" is not understood");
                err.print(USAGE);
                return 2;
            }
        }
        return command.equals("wait")
                ? await(new Target(host, port, path), timeout, period, each, err)
                : drain(environment, err);
    }

    private record Target(String host, int port, String path) {}

    /// @param words the body, or why there is none
    private record Answer(int status, String words) {}

    private static int number(String text, int usual) {
        return text.matches("[1-9][0-9]{0,4}") ? Integer.parseInt(text) : usual;
    }

    private static int await(Target target, long timeout, long period, long each, PrintStream err) {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeout);
        while (true) {
            Answer answer = ask("GET", target, (int) each);
            if (answer.status == 200) {
                return 0;
            }
            if (System.nanoTime() >= deadline) {
                err.println("mesh-proxy wait: the proxy is not ready after " + timeout / 1000 + " s: " + answer.words);
                return 1;
            }
            try {
                Thread.sleep(period);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return 1;
            }
        }
    }

    private static int drain(Map<String, String> environment, PrintStream err) {
        Matcher found = STATUS_PORT.matcher(environment.getOrDefault("PROXY_CONFIG", ""));
        int port = found.find() ? number(found.group(1), 15020) : 15020;
        Answer answer = ask("POST", new Target("127.0.0.1", port, "/drain"), 5000);
        if (answer.status == 200) {
            return 0;
        }
        err.println("mesh-proxy drain: the proxy cannot be drained: " + answer.words);
        return 1;
    }

    private static Answer ask(String method, Target target, int timeoutMillis) {
        try (var socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getByName(target.host), target.port), timeoutMillis);
            socket.setSoTimeout(timeoutMillis);
            String head = method + " " + target.path + " HTTP/1.1\r\nHost: " + target.host
                    + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            InputStream in = socket.getInputStream();
            String answer = new String(in.readNBytes(1 << 16), StandardCharsets.UTF_8);
            int status = answer.matches("(?s)HTTP/1\\.[01] [1-5][0-9][0-9][ \r].*")
                    ? Integer.parseInt(answer.substring(9, 12))
                    : 0;
            int body = answer.indexOf("\r\n\r\n");
            return new Answer(
                    status, body < 0 ? "no HTTP" : answer.substring(body + 4).strip());
        } catch (IOException e) {
            return new Answer(
                    0,
                    "127.0.0.1".equals(target.host) && target.port > 0
                            ? "port " + target.port + ": " + e.getMessage()
                            : target.host + ":" + target.port + ": " + e.getMessage());
        }
    }
}
