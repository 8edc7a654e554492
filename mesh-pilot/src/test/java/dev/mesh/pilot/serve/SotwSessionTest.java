package dev.mesh.pilot.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.Status;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.generate.Resource;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryResponse;
import java.util.EnumMap;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// The server's part of the xDS protocol's state-of-the-world rules.
@org.jspecify.annotations.NullUnmarked
class SotwSessionTest {
    private final SotwSession session = new SotwSession();

    private static ProxyView view(String... resources) {
        var byType = new EnumMap<XdsType, SortedMap<String, Resource>>(XdsType.class);
        for (String text : resources) {
            String[] parts = text.split(" ", -1); // type name version
            XdsType type = XdsType.valueOf(parts[0]);
            byType.computeIfAbsent(type, any -> new TreeMap<>())
                    .put(
                            parts[1],
                            new Resource(
                                    type,
                                    parts[1],
                                    parts[2],
                                    Any.newBuilder()
                                            .setTypeUrl(type.typeUrl())
                                            .setValue(ByteString.copyFromUtf8(parts[1] + "@" + parts[2]))
                                            .build()));
        }
        return new ProxyView("push", byType, List.of(), List.of());
    }

    private static DiscoveryRequest.Builder request(XdsType type, String... names) {
        return DiscoveryRequest.newBuilder().setTypeUrl(type.typeUrl()).addAllResourceNames(List.of(names));
    }

    private DiscoveryRequest ack(XdsType type, DiscoveryResponse of, String... names) {
        return request(type, names)
                .setResponseNonce(of.getNonce())
                .setVersionInfo(of.getVersionInfo())
                .build();
    }

    private static List<String> names(DiscoveryResponse response) {
        return response.getResourcesList().stream()
                .map(any -> any.getValue().toStringUtf8())
                .toList();
    }

    private DiscoveryResponse only(List<DiscoveryResponse> responses) {
        assertThat(responses).hasSize(1);
        return responses.getFirst();
    }

    private DiscoveryResponse ask(XdsType type, ProxyView view, String... names) {
        return only(session.onRequest(type, request(type, names).build(), view));
    }

    @Test
    void anEmptyFirstRequestForClustersIsAWildcard() {
        var response = ask(XdsType.CLUSTER, view("CLUSTER a 1", "CLUSTER b 1"));

        assertThat(names(response)).containsExactly("a@1", "b@1");
        assertThat(response.getVersionInfo()).isNotEmpty();
        assertThat(response.getNonce()).isNotEmpty();
    }

    @Test
    void aStarIsAWildcardToo() {
        assertThat(names(ask(XdsType.LISTENER, view("LISTENER a 1"), "*"))).containsExactly("a@1");
    }

    @Test
    void anEmptyWorldIsStillAnswered() {
        assertThat(ask(XdsType.LISTENER, view()).getResourcesList()).isEmpty();
    }

    @Test
    void theNameTableNeedsNoNameAndIsSentWhenItChanges() {
        assertThat(names(ask(XdsType.NAME_TABLE, view("NAME_TABLE names 1")))).containsExactly("names@1");
        assertThat(session.onPush(view("NAME_TABLE names 1"))).isEmpty();
        assertThat(names(only(session.onPush(view("NAME_TABLE names 2"))))).containsExactly("names@2");
    }

    @Test
    void anEmptyFirstRequestForRoutesAsksForNone() {
        assertThat(session.onRequest(XdsType.ROUTE, request(XdsType.ROUTE).build(), view("ROUTE a 1")))
                .isEmpty();
    }

    @Test
    void afterNamesAnEmptyListMeansNone() {
        var view = view("CLUSTER a 1", "CLUSTER b 1");
        var named = ask(XdsType.CLUSTER, view, "a");
        assertThat(names(named)).containsExactly("a@1");

        session.onRequest(XdsType.CLUSTER, ack(XdsType.CLUSTER, named), view);

        assertThat(session.onPush(view("CLUSTER a 2", "CLUSTER b 2"))).isEmpty();
    }

    @Test
    void whoGivesNamesUpIsNotAnswered() {
        var view = view("CLUSTER a 1", "CLUSTER b 1");
        var named = ask(XdsType.CLUSTER, view, "a", "b");

        assertThat(session.onRequest(XdsType.CLUSTER, ack(XdsType.CLUSTER, named, "a"), view))
                .isEmpty();
        assertThat(session.onRequest(XdsType.CLUSTER, ack(XdsType.CLUSTER, named), view))
                .isEmpty();
    }

    /// grpc-java reads no response of a type of which it wants nothing, so what it asks for next has an older nonce.
    @Test
    void aStaleNonceLosesNoSubscription() {
        var view = view("CLUSTER a 1");
        var read = ask(XdsType.CLUSTER, view, "a");
        session.onRequest(XdsType.CLUSTER, ack(XdsType.CLUSTER, read, "a"), view);
        var unread = only(session.onPush(view()));
        assertThat(names(unread)).isEmpty();

        session.onRequest(XdsType.CLUSTER, ack(XdsType.CLUSTER, read), view());
        var again = only(session.onRequest(XdsType.CLUSTER, ack(XdsType.CLUSTER, read, "a"), view));

        assertThat(names(again)).containsExactly("a@1");
        assertThat(session.states().get(XdsType.CLUSTER).word()).isEqualTo("STALE");
        session.onRequest(XdsType.CLUSTER, ack(XdsType.CLUSTER, again, "a"), view);
        assertThat(session.states().get(XdsType.CLUSTER).word()).isEqualTo("SYNCED");
    }

    @Test
    void anAckIsNotAnswered() {
        var view = view("CLUSTER a 1");
        var response = ask(XdsType.CLUSTER, view);

        assertThat(session.onRequest(XdsType.CLUSTER, ack(XdsType.CLUSTER, response), view))
                .isEmpty();
        assertThat(session.states().get(XdsType.CLUSTER).word()).isEqualTo("SYNCED");
    }

    @Test
    void aNackIsKnownByItsErrorAndNotAnsweredUntilSomethingChanges() {
        var view = view("CLUSTER a 1");
        var response = ask(XdsType.CLUSTER, view);
        var nack = request(XdsType.CLUSTER)
                .setResponseNonce(response.getNonce())
                .setErrorDetail(Status.newBuilder().setMessage("a: bad"))
                .build();

        assertThat(session.onRequest(XdsType.CLUSTER, nack, view)).isEmpty();
        assertThat(session.states().get(XdsType.CLUSTER).word()).isEqualTo("ERROR");
        assertThat(session.onPush(view)).isEmpty();
        assertThat(names(only(session.onPush(view("CLUSTER a 2"))))).containsExactly("a@2");
    }

    @Test
    void aStaleNonceIsNotAnswered() {
        var view = view("ENDPOINT a 1", "ENDPOINT b 1");
        var first = ask(XdsType.ENDPOINT, view, "a");
        var second = only(session.onRequest(XdsType.ENDPOINT, ack(XdsType.ENDPOINT, first, "a", "b"), view));
        assertThat(names(second)).containsExactly("b@1");

        assertThat(session.onRequest(XdsType.ENDPOINT, ack(XdsType.ENDPOINT, first, "a"), view))
                .isEmpty();
    }

    @Test
    void aNewNameBringsOnlyItsResource() {
        var view = view("ROUTE a 1", "ROUTE b 1");
        var first = ask(XdsType.ROUTE, view, "a");

        assertThat(names(only(session.onRequest(XdsType.ROUTE, ack(XdsType.ROUTE, first, "a", "b"), view))))
                .containsExactly("b@1");
    }

    @Test
    void aNameThatIsGivenUpAndWantedAgainIsSentAgain() {
        var view = view("ROUTE a 1", "ROUTE b 1");
        var first = ask(XdsType.ROUTE, view, "a", "b");
        assertThat(session.onRequest(XdsType.ROUTE, ack(XdsType.ROUTE, first, "a"), view))
                .isEmpty();

        assertThat(names(only(session.onRequest(XdsType.ROUTE, ack(XdsType.ROUTE, first, "a", "b"), view))))
                .containsExactly("b@1");
    }

    @Test
    void aResourceThatIsNotThereIsSentWhenItComes() {
        assertThat(session.onRequest(XdsType.ROUTE, request(XdsType.ROUTE, "a").build(), view()))
                .isEmpty();

        assertThat(names(only(session.onPush(view("ROUTE a 1"))))).containsExactly("a@1");
    }

    @Test
    void ofNamedTypesOnlyTheChangedAreSent() {
        ask(XdsType.ENDPOINT, view("ENDPOINT a 1", "ENDPOINT b 1"), "a", "b");

        assertThat(names(only(session.onPush(view("ENDPOINT a 2", "ENDPOINT b 1")))))
                .containsExactly("a@2");
    }

    @Test
    void listenersAreSentWholeAndWhatWentIsMissing() {
        ask(XdsType.LISTENER, view("LISTENER a 1", "LISTENER b 1"));

        assertThat(names(only(session.onPush(view("LISTENER a 1"))))).containsExactly("a@1");
        assertThat(session.onPush(view("LISTENER a 1"))).isEmpty();
    }

    @Test
    void aPushGoesInOrderAndTakesClustersAwayAtItsEnd() {
        var before = view("CLUSTER old 1", "ENDPOINT old 1", "LISTENER l 1", "ROUTE r 1");
        ask(XdsType.CLUSTER, before);
        ask(XdsType.ENDPOINT, before, "old", "new");
        ask(XdsType.LISTENER, before);
        ask(XdsType.ROUTE, before, "r");

        var responses = session.onPush(view("CLUSTER new 1", "ENDPOINT new 1", "LISTENER l 2", "ROUTE r 2"));

        assertThat(responses.stream().map(SotwSessionTest::names))
                .containsExactly(
                        List.of("new@1", "old@1"), List.of("new@1"), List.of("l@2"), List.of("r@2"), List.of("new@1"));
    }

    @Test
    void endpointsOfAChangedClusterAreSentAgain() {
        var before = view("CLUSTER a 1", "ENDPOINT a 1");
        ask(XdsType.CLUSTER, before);
        ask(XdsType.ENDPOINT, before, "a");

        assertThat(session.onPush(view("CLUSTER a 2", "ENDPOINT a 1")).stream().map(SotwSessionTest::names))
                .containsExactly(List.of("a@2"), List.of("a@1"));
    }

    @Test
    void whoComesBackWithEverythingIsNotSentItAgain() {
        var view = view("CLUSTER a 1", "CLUSTER b 1");
        String version = ask(XdsType.CLUSTER, view).getVersionInfo();
        var again = new SotwSession();

        assertThat(again.onRequest(
                        XdsType.CLUSTER,
                        request(XdsType.CLUSTER).setVersionInfo(version).build(),
                        view))
                .isEmpty();
        assertThat(again.states().get(XdsType.CLUSTER).word()).isEqualTo("SYNCED");
        assertThat(again.onPush(view)).isEmpty();
        assertThat(names(only(again.onPush(view("CLUSTER a 2", "CLUSTER b 1")))))
                .containsExactly("a@2", "b@1");
    }

    @Test
    void versionsAreEqualInEveryReplica() {
        var view = view("CLUSTER a 1", "CLUSTER b 1");

        assertThat(ask(XdsType.CLUSTER, view).getVersionInfo())
                .isEqualTo(only(new SotwSession()
                                .onRequest(
                                        XdsType.CLUSTER,
                                        request(XdsType.CLUSTER).build(),
                                        view))
                        .getVersionInfo());
    }
}
