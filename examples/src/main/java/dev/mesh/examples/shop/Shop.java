package dev.mesh.examples.shop;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/// `shop SERVICE`: one service of the shop at `PORT` of `ADDRESS` (127.0.0.1 if unset). `shop visit URL [TIMES]` walks
/// through the pages of one that runs; `shop rehearse` runs all services in one process, visits them, and ends.
public final class Shop {
    private static final List<String> PAGES =
            List.of("/", "/products/mug", "/products/teapot", "/cart", "/products/nothing");

    private Shop() {}

    public static void main(String[] args) throws Exception {
        String what = args.length == 0 ? "" : args[0];
        switch (what) {
            case "visit" -> {
                if (args.length < 2) {
                    fail("usage: shop visit URL [TIMES]");
                }
                visit(URI.create(args[1]), args.length > 2 ? Integer.parseInt(args[2]) : 1);
            }
            case "rehearse" -> rehearse();
            default -> {
                String port = System.getenv().getOrDefault("PORT", "");
                if (!port.matches("[0-9]{1,5}")) {
                    fail("PORT: \"" + port + "\" (expected: a port to listen on)");
                }
                String workload = System.getenv().getOrDefault("WORKLOAD", what);
                try {
                    var running = start(what, Integer.parseInt(port), workload, Peers.NAMED);
                    say("listening on port " + running.port());
                    // Serves until it is told to end; the servers' own threads keep no process alive.
                    new CountDownLatch(1).await();
                } catch (IOException e) {
                    fail("port " + port + ": " + e.getMessage());
                } catch (IllegalArgumentException e) {
                    fail(String.valueOf(e.getMessage()));
                }
            }
        }
    }

    /// @param port 0: any
    static Running start(String service, int port, String workload, Peers peers) throws IOException {
        return switch (service) {
            case "storefront" -> StorefrontService.start(port, workload, peers);
            case "catalog" -> CatalogService.start(port, peers);
            case "reviews-v1" -> ReviewsService.start(port, workload, false, peers);
            case "reviews-v2" -> ReviewsService.start(port, workload, true, peers);
            case "ratings" -> RatingsService.start(port);
            case "cart" -> CartService.start(port, workload, peers);
            case "stock" -> StockService.start(port);
            default ->
                throw new IllegalArgumentException("\"" + service
                        + "\" (expected: storefront, catalog, reviews-v1, reviews-v2, ratings, cart or stock)");
        };
    }

    /// Asks for each page, as nobody and as jason, and puts something into the cart.
    static void visit(URI shop, int times) throws IOException, InterruptedException {
        try (HttpClient http = Web.client()) {
            for (int i = 0; i < times; i++) {
                for (String page : PAGES) {
                    for (String user : List.of("nobody", "jason")) {
                        request(http, "GET", shop.resolve(page), user);
                    }
                }
                request(http, "POST", shop.resolve("/cart/mug"), "jason");
            }
        }
    }

    private static void request(HttpClient http, String method, URI page, String user)
            throws IOException, InterruptedException {
        int status = http.send(
                        HttpRequest.newBuilder(page)
                                .timeout(Duration.ofSeconds(20))
                                .header("x-user", user)
                                .method(method, HttpRequest.BodyPublishers.noBody())
                                .build(),
                        HttpResponse.BodyHandlers.ofString())
                .statusCode();
        if (status >= 500) {
            say(method + " " + page + " answered " + status);
        }
    }

    private static void rehearse() throws IOException, InterruptedException {
        try (var stock = start("stock", 0, "stock", Peers.NAMED);
                var ratings = start("ratings", 0, "ratings", Peers.NAMED)) {
            var near = new Peers("", at(ratings), "", "", at(stock));
            try (var catalog = start("catalog", 0, "catalog", near);
                    var reviews = start("reviews-v2", 0, "reviews-v2", near)) {
                near = new Peers(at(catalog), near.ratings(), at(reviews), "", near.stock());
                try (var cart = start("cart", 0, "cart", near)) {
                    near = new Peers(near.catalog(), near.ratings(), near.reviews(), at(cart), near.stock());
                    try (var storefront = start("storefront", 0, "storefront", near)) {
                        visit(URI.create("http://" + at(storefront)), 20);
                    }
                }
            }
        }
    }

    private static String at(Running running) {
        return "127.0.0.1:" + running.port();
    }

    /// Closes what can be closed.
    static void closeAll(AutoCloseable... all) {
        for (AutoCloseable one : all) {
            try {
                one.close();
            } catch (Exception e) {
                say("while closing: " + e);
            }
        }
    }

    @SuppressWarnings("SystemOut") // its log
    static synchronized void say(String line) {
        System.out.println(line);
    }

    @SuppressWarnings("SystemOut") // the command line's own channel
    private static void fail(String message) {
        System.err.println("shop: " + message);
        System.exit(2);
    }
}
