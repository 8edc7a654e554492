package dev.mesh.examples.shop;

import com.sun.net.httpserver.HttpExchange;
import dev.mesh.examples.shop.v1.Cart;
import dev.mesh.examples.shop.v1.CatalogGrpc;
import dev.mesh.examples.shop.v1.GetRequest;
import dev.mesh.examples.shop.v1.ListRequest;
import dev.mesh.examples.shop.v1.Product;
import dev.mesh.examples.shop.v1.Reviews;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.http.HttpClient;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What a browser sees. Asks the catalog over gRPC, reviews and cart over HTTP.
///
///     GET  /                          what there is
///     GET  /products/{id}             one product, with its reviews
///     GET  /cart
///     POST /cart/{product}            adds one
///     GET  /users/{name}              be somebody; /users/ is nobody
final class StorefrontService implements Web.Handler {
    private static final Pattern USER = Pattern.compile("(?:^|;\\s*)user=([a-z]{1,20})(?:;|$)");

    private final Peers peers;
    private final ManagedChannel catalog;
    private final HttpClient http;

    private StorefrontService(Peers peers, ManagedChannel catalog, HttpClient http) {
        this.peers = peers;
        this.catalog = catalog;
        this.http = http;
    }

    static Running start(int port, String workload, Peers peers) throws IOException {
        ManagedChannel catalog = Rpc.channel(peers.catalog());
        HttpClient http = Web.client();
        return Web.serve(
                port, workload, new StorefrontService(peers, catalog, http), catalog::shutdownNow, http::shutdownNow);
    }

    @Override
    public Web.Answer answer(HttpExchange exchange, List<String> path) throws IOException {
        Trace trace = trace(exchange);
        String id = path.size() == 2 ? path.get(1) : "";
        try {
            return switch (path.getFirst()) {
                case "" -> Web.Answer.html(200, Page.products(products(trace), trace.user()));
                case "products" -> product(id, trace);
                case "cart" -> cart(exchange, id, trace);
                case "users" -> be(id);
                default -> Web.Answer.html(404, Page.notFound(trace.user()));
            };
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
                return Web.Answer.html(404, Page.notFound(trace.user()));
            }
            throw new IOException("catalog: " + e.getStatus(), e);
        }
    }

    // The user is a header to the mesh; a browser says it by cookie.
    private static Trace trace(HttpExchange exchange) {
        Trace trace = Trace.of(exchange.getRequestHeaders());
        String cookie = exchange.getRequestHeaders().getFirst("cookie");
        var user = USER.matcher(cookie == null ? "" : cookie);
        return trace.user().isEmpty() && user.find() ? trace.withUser(user.group(1)) : trace;
    }

    private List<Product> products(Trace trace) {
        var products = new ArrayList<Product>();
        stub(trace).list(ListRequest.getDefaultInstance()).forEachRemaining(products::add);
        return products;
    }

    private Web.Answer product(String id, Trace trace) {
        Product product = stub(trace).get(GetRequest.newBuilder().setId(id).build());
        return Web.Answer.html(200, Page.product(product, reviews(id, trace), trace.user()));
    }

    private @Nullable Reviews reviews(String product, Trace trace) {
        try {
            return Web.call(http, "GET", peers.reviews(), "/reviews/" + product, trace, Reviews.newBuilder())
                    .build();
        } catch (IOException e) {
            Shop.say("storefront: " + e.getMessage());
            return null;
        }
    }

    private Web.Answer cart(HttpExchange exchange, String product, Trace trace) throws IOException {
        String owner = trace.user().isEmpty() ? "nobody" : trace.user();
        if (exchange.getRequestMethod().equals("POST") && product.matches("[a-z0-9-]+")) {
            Web.call(http, "POST", peers.cart(), "/carts/" + owner + "/" + product, trace, Cart.newBuilder());
            return Web.Answer.html(303, "").with("location", "/cart");
        }
        Cart cart = Web.call(http, "GET", peers.cart(), "/carts/" + owner, trace, Cart.newBuilder())
                .build();
        return Web.Answer.html(200, Page.cart(cart, trace.user()));
    }

    private static Web.Answer be(String user) {
        String cookie = user.matches("[a-z]{1,20}") ? "user=" + user + "; Path=/" : "user=; Path=/; Max-Age=0";
        return Web.Answer.html(303, "").with("location", "/").with("set-cookie", cookie);
    }

    private CatalogGrpc.CatalogBlockingStub stub(Trace trace) {
        return CatalogGrpc.newBlockingStub(catalog)
                .withWaitForReady()
                .withDeadlineAfter(5, TimeUnit.SECONDS)
                .withInterceptors(trace);
    }
}
