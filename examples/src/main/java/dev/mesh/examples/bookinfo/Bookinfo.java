package dev.mesh.examples.bookinfo;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/// `bookinfo SERVICE`: one workload of Istio's samples at `PORT` of `ADDRESS` (127.0.0.1 if unset). `bookinfo tcp-echo
/// WORD PORT...` says which ports itself, `bookinfo tcp-echo-server PORT,PORT... WORD` as Istio's program of that name.
/// `bookinfo rehearse` runs a page's services in one process, asks for it, and ends.
public final class Bookinfo {
    private Bookinfo() {}

    public static void main(String[] args) throws Exception {
        String what = args.length == 0 ? "" : args[0];
        try {
            switch (what) {
                case "rehearse" -> {
                    rehearse();
                    return;
                }
                case "tcp-echo" -> {
                    if (args.length < 3) {
                        fail("usage: bookinfo tcp-echo WORD PORT...");
                    }
                    for (String port : Arrays.asList(args).subList(2, args.length)) {
                        say("listening on port " + TcpEcho.start(args[1], port(port)));
                    }
                }
                case "tcp-echo-server" -> {
                    if (args.length != 3) {
                        fail("usage: bookinfo tcp-echo-server PORT,PORT... WORD");
                    }
                    for (String port : args[1].split(",", -1)) {
                        say("listening on port " + TcpEcho.start(args[2], port(port)));
                    }
                }
                default -> {
                    int port = port(System.getenv().getOrDefault("PORT", ""));
                    say("listening on port " + start(what, port, Peers.NAMED));
                }
            }
        } catch (IOException e) {
            fail("the port cannot be listened on: " + e.getMessage());
        } catch (IllegalArgumentException e) {
            fail(String.valueOf(e.getMessage()));
        }
        // Serves until it is told to end; the servers' own threads keep no process alive.
        new CountDownLatch(1).await();
    }

    /// @param port 0: any
    /// @return the port it listens on
    static int start(String service, int port, Peers peers) throws IOException {
        return switch (service) {
            case "productpage" -> Web.serve(port, new ProductPage(peers));
            case "details" -> Web.serve(port, Bookinfo::details);
            case "reviews-v1" -> Web.serve(port, new Reviews(service, "", peers));
            case "reviews-v2" -> Web.serve(port, new Reviews(service, "black", peers));
            case "reviews-v3" -> Web.serve(port, new Reviews(service, "red", peers));
            case "ratings" -> Web.serve(port, Bookinfo::ratings);
            case "helloworld-v1", "helloworld-v2" -> Web.serve(port, request -> hello(service, request));
            default ->
                throw new IllegalArgumentException("\"" + service
                        + "\" (expected: productpage, details, reviews-v1, reviews-v2, reviews-v3, ratings,"
                        + " helloworld-v1, helloworld-v2 or tcp-echo)");
        };
    }

    private static Web.Answer details(Web.Request request) {
        if (!request.path().startsWith("/details/")) {
            return Web.Answer.healthOrNotFound(request);
        }
        return Web.Answer.json("""
                {"id": 0, "author": "William Shakespeare", "year": 1595, "type": "paperback", "pages": 200, \
                "publisher": "a stand-in", "language": "English"}""");
    }

    private static Web.Answer ratings(Web.Request request) {
        if (!request.path().startsWith("/ratings/")) {
            return Web.Answer.healthOrNotFound(request);
        }
        return Web.Answer.json("{\"id\": 0, \"ratings\": {\"Reviewer1\": 5, \"Reviewer2\": 4}}");
    }

    private static Web.Answer hello(String workload, Web.Request request) {
        if (!request.path().equals("/hello")) {
            return Web.Answer.healthOrNotFound(request);
        }
        String version = workload.substring(workload.lastIndexOf('-') + 1);
        return new Web.Answer(200, "text/plain", "Hello version: " + version + ", instance: " + workload + "\n");
    }

    private static void rehearse() throws IOException, InterruptedException {
        int ratings = start("ratings", 0, Peers.NAMED);
        int details = start("details", 0, Peers.NAMED);
        var near = new Peers("127.0.0.1:" + details, "", "127.0.0.1:" + ratings);
        near = new Peers(near.details(), "127.0.0.1:" + start("reviews-v2", 0, near), near.ratings());
        int page = start("productpage", 0, near);
        TcpEcho.start("one", 0);
        try (HttpClient http = Web.client()) {
            for (int i = 0; i < 20; i++) {
                for (String path : List.of("/", "/productpage", "/login", "/static/bookinfo.css", "/api/v1/products")) {
                    http.send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + page + path))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString());
                }
            }
        }
        System.exit(0);
    }

    private static int port(String text) {
        if (!text.matches("[0-9]{1,5}")) {
            throw new IllegalArgumentException("PORT: \"" + text + "\" (expected: a port to listen on)");
        }
        return Integer.parseInt(text);
    }

    @SuppressWarnings("SystemOut") // its log
    static synchronized void say(String line) {
        System.out.println(line);
    }

    @SuppressWarnings("SystemOut") // the command line's own channel
    private static void fail(String message) {
        System.err.println("bookinfo: " + message);
        System.exit(2);
    }
}
