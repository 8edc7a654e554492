package dev.mesh.examples.shop;

import dev.mesh.examples.shop.v1.Product;
import java.util.List;

/// What the shop sells.
final class Products {
    static final List<Product> ALL = List.of(
            product("mug", "Mug", "Holds coffee, and a grudge against dishwashers.", 950),
            product("teapot", "Teapot", "Short and stout; answers 418 to coffee.", 3200),
            product("scarf", "Scarf", "A mesh you can wear.", 2400),
            product("lantern", "Lantern", "For looking into dark corners.", 4150));

    private Products() {}

    private static Product product(String id, String name, String text, int cents) {
        return Product.newBuilder()
                .setId(id)
                .setName(name)
                .setText(text)
                .setCents(cents)
                .build();
    }
}
