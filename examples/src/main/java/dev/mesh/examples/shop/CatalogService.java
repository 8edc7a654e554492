package dev.mesh.examples.shop;

import dev.mesh.examples.shop.v1.CatalogGrpc;
import dev.mesh.examples.shop.v1.GetRequest;
import dev.mesh.examples.shop.v1.ListRequest;
import dev.mesh.examples.shop.v1.Product;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;

/// The catalog, over gRPC; asks the stock over TCP.
final class CatalogService extends CatalogGrpc.CatalogImplBase {
    private final String stock;

    private CatalogService(String stock) {
        this.stock = stock;
    }

    static Running start(int port, Peers peers) throws IOException {
        return Rpc.serve(port, new CatalogService(peers.stock()));
    }

    @Override
    public void list(ListRequest request, StreamObserver<Product> answers) {
        Products.ALL.forEach(product -> answers.onNext(stocked(product)));
        answers.onCompleted();
    }

    @Override
    public void get(GetRequest request, StreamObserver<Product> answers) {
        for (Product product : Products.ALL) {
            if (product.getId().equals(request.getId())) {
                answers.onNext(stocked(product));
                answers.onCompleted();
                return;
            }
        }
        answers.onError(Status.NOT_FOUND
                .withDescription("no product \"" + request.getId() + "\"")
                .asRuntimeException());
    }

    private Product stocked(Product product) {
        try {
            return product.toBuilder()
                    .setAvailable(StockService.ask(stock, product.getId()))
                    .build();
        } catch (IOException e) {
            Shop.say("catalog: " + stock + ": " + e.getMessage());
            return product;
        }
    }
}
