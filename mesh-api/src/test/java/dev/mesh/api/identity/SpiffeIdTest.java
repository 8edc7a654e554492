package dev.mesh.api.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpiffeIdTest {
    @Test
    void isReadAsItIsWritten() {
        var id = SpiffeId.parse("spiffe://cluster.local/ns/shop/sa/default");

        assertThat(id).isEqualTo(new SpiffeId("cluster.local", "shop", "default"));
        assertThat(id).hasToString("spiffe://cluster.local/ns/shop/sa/default");
        assertThat(SpiffeId.ofUser("cluster.local", "system:serviceaccount:shop:default"))
                .isEqualTo(id);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "https://cluster.local/ns/shop/sa/default",
                "spiffe://cluster.local/ns/shop/sa/",
                "spiffe://cluster.local/ns//sa/default",
                "spiffe:///ns/shop/sa/default",
                "spiffe://cluster.local/ns/shop/sa/default/more",
                "spiffe://cluster.local/ns/sh%2fop/sa/default",
                "spiffe://cluster.local:443/ns/shop/sa/default",
                "spiffe://me@cluster.local/ns/shop/sa/default",
                "spiffe://cluster.local/ns/shop/sa/default?x",
                "spiffe://cluster.local/ns/SHOP/sa/default",
                "spiffe://cluster.local/ns/shop/sa/default\n"
            })
    void nothingElseIsOne(String uri) {
        assertThatIllegalArgumentException().isThrownBy(() -> SpiffeId.parse(uri));
    }

    @ParameterizedTest
    @ValueSource(strings = {"admin", "system:node:node1", "system:serviceaccount:shop", "system:serviceaccount:a:b:c"})
    void onlyServiceAccountsHaveOne(String user) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SpiffeId.ofUser("cluster.local", user))
                .withMessageContaining(user);
    }
}
