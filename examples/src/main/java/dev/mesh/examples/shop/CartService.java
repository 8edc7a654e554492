package dev.mesh.examples.shop;

import com.sun.net.httpserver.HttpExchange;
import dev.mesh.examples.shop.v1.Cart;
import dev.mesh.examples.shop.v1.CatalogGrpc;
import dev.mesh.examples.shop.v1.GetRequest;
import dev.mesh.examples.shop.v1.Line;
import dev.mesh.examples.shop.v1.Product;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/// Carts, over HTTP, kept in memory; asks the catalog for names and prices, over gRPC.
final class CartService implements Web.Handler {
    private static final int MAX_CARTS = 10_000;

    private final ManagedChannel catalog;
    private final Map<String, TreeMap<String, Integer>> carts = new ConcurrentHashMap<>();

    private CartService(ManagedChannel catalog) {
        this.catalog = catalog;
    }

    static Running start(int port, String workload, Peers peers) throws IOException {
        ManagedChannel catalog = Rpc.channel(peers.catalog());
        return Web.serve(port, workload, new CartService(catalog), catalog::shutdownNow);
    }

    @Override
    public Web.Answer answer(HttpExchange exchange, List<String> path) throws IOException {
        boolean adds = exchange.getRequestMethod().equals("POST") && path.size() == 3;
        if (!path.getFirst().equals("carts") || !(adds || path.size() == 2)) {
            return Web.Answer.notFound();
        }
        Trace trace = Trace.of(exchange.getRequestHeaders());
        if (adds) {
            try {
                product(path.get(2), trace);
            } catch (StatusRuntimeException e) {
                if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
                    return Web.Answer.notFound();
                }
                throw new IOException("catalog: " + e.getStatus(), e);
            }
            if (carts.size() >= MAX_CARTS) {
                carts.clear();
            }
            carts.compute(path.get(1), (any, old) -> {
                var lines = old == null ? new TreeMap<String, Integer>() : new TreeMap<>(old);
                lines.merge(path.get(2), 1, Integer::sum);
                return lines;
            });
        }
        try {
            return Web.Answer.json(cart(carts.getOrDefault(path.get(1), new TreeMap<>()), trace));
        } catch (StatusRuntimeException e) {
            throw new IOException("catalog: " + e.getStatus(), e);
        }
    }

    private Cart cart(Map<String, Integer> lines, Trace trace) {
        var cart = Cart.newBuilder();
        lines.forEach((id, count) -> {
            Product product = product(id, trace);
            int cents = count * product.getCents();
            cart.addLines(Line.newBuilder()
                    .setProduct(id)
                    .setName(product.getName())
                    .setCount(count)
                    .setCents(cents));
            cart.setCents(cart.getCents() + cents);
        });
        return cart.build();
    }

    private Product product(String id, Trace trace) {
        return CatalogGrpc.newBlockingStub(catalog)
                .withWaitForReady()
                .withDeadlineAfter(5, TimeUnit.SECONDS)
                .withInterceptors(trace)
                .get(GetRequest.newBuilder().setId(id).build());
    }
}
