package dev.mesh.proxy.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.proto.istio.nds.NameTable.NameInfo;
import java.net.InetAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class NamesTest {
    private static final NameTable TABLE = NameTable.newBuilder()
            .putTable("reviews.shop.svc.cluster.local", service("reviews", "shop", "10.96.0.11", "fd00::b"))
            .putTable("ratings.other.svc.cluster.local", service("ratings", "other", "10.96.0.12"))
            .putTable("far.shop.svc.elsewhere.org", service("far", "shop", "10.97.0.1"))
            .putTable("mysql-0.mysql.shop.svc.cluster.local", service("mysql-0.mysql", "shop", "10.244.1.20"))
            .putTable("DB.internal.", entry("240.240.0.1"))
            .putTable("*.wild.internal", entry("240.240.0.2"))
            .putTable("*.b.wild.internal", entry("240.240.0.3"))
            // Looks like the short name of a Service, and is one's own full name.
            .putTable("ratings.other", entry("240.240.0.4"))
            .putTable("range.internal", entry("10.0.0.0/8"))
            .putTable("half.internal", entry("nonsense", "240.240.0.5"))
            .build();

    private static final Names NAMES = Names.of(
            TABLE,
            Names.Place.of("shop", "shop.svc.cluster.local", List.of("shop.svc.cluster.local", "cluster.local")));

    private static NameInfo service(String shortName, String namespace, String... addresses) {
        return NameInfo.newBuilder()
                .setRegistry("Kubernetes")
                .setShortname(shortName)
                .setNamespace(namespace)
                .addAllIps(List.of(addresses))
                .build();
    }

    private static NameInfo entry(String... addresses) {
        return NameInfo.newBuilder()
                .setRegistry("External")
                .addAllIps(List.of(addresses))
                .build();
    }

    // `alias -> addresses`, IPv4 before IPv6.
    private static @Nullable String found(String name) {
        Names.Found found = NAMES.find(name);
        if (found == null) {
            return null;
        }
        var all = new java.util.ArrayList<String>();
        found.four().forEach(address -> all.add(address.getHostAddress()));
        found.six().forEach(address -> all.add(address.getHostAddress()));
        return (found.alias() == null ? "" : found.alias() + " -> ") + String.join(",", all);
    }

    @Test
    void aServiceIsKnownByAllItsNames() {
        String addresses = "10.96.0.11," + InetAddress.ofLiteral("fd00::b").getHostAddress();
        for (String name : List.of("reviews", "reviews.shop", "reviews.shop.svc", "reviews.shop.svc.cluster.local")) {
            assertThat(found(name)).as(name).isEqualTo(addresses);
        }
        assertThat(found("reviews.shop.svc.cluster")).isNull();
        assertThat(found("mysql-0.mysql")).isEqualTo("10.244.1.20");
        assertThat(found("mysql-0.mysql.shop.svc")).isEqualTo("10.244.1.20");
    }

    @Test
    void anotherNamespacesServiceHasNoNameByItself() {
        assertThat(found("ratings")).isNull();
        assertThat(found("ratings.other.svc")).isEqualTo("10.96.0.12");
    }

    @Test
    void aFullNameIsNeverAnothersShortName() {
        assertThat(found("ratings.other")).isEqualTo("240.240.0.4");
    }

    @Test
    void aServiceOfAnotherDomainHasItsFullNameAlone() {
        assertThat(found("far.shop.svc.elsewhere.org")).isEqualTo("10.97.0.1");
        assertThat(found("far")).isNull();
        assertThat(found("far.shop")).isNull();
    }

    @Test
    void withTheFirstSearchDomainBehindItANameIsAnAlias() {
        assertThat(found("db.internal.shop.svc.cluster.local")).isEqualTo("db.internal -> 240.240.0.1");
        assertThat(found("ratings.other.svc.shop.svc.cluster.local")).isEqualTo("ratings.other.svc -> 10.96.0.12");
        assertThat(found("db.internal.cluster.local")).isNull();
        assertThat(found("shop.svc.cluster.local")).isNull();
    }

    @Test
    void aWildcardIsForEveryNameBelowItAndTheLongestCounts() {
        assertThat(found("a.wild.internal")).isEqualTo("240.240.0.2");
        assertThat(found("x.a.wild.internal")).isEqualTo("240.240.0.2");
        assertThat(found("a.b.wild.internal")).isEqualTo("240.240.0.3");
        assertThat(found("wild.internal")).isNull();
        assertThat(found("a.wild.internal.shop.svc.cluster.local")).isEqualTo("a.wild.internal -> 240.240.0.2");
        assertThat(found("a\\.b.wild.internal")).as("a dot inside a label").isNull();
    }

    @Test
    void whatIsNoAddressIsPassedOver() {
        assertThat(found("range.internal")).isNull();
        assertThat(found("half.internal")).isEqualTo("240.240.0.5");
    }

    @Test
    void withoutASearchDomainNamesAreTakenAsTheyAre() {
        var names = Names.of(TABLE, Names.Place.of("shop", "shop.svc.cluster.local", List.of()));
        assertThat(names.find("db.internal")).isNotNull();
        assertThat(names.find("db.internal.shop.svc.cluster.local")).isNull();
    }
}
