package dev.mesh.pilot.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.Status;
import dev.mesh.api.proto.v1.PushCommit;
import dev.mesh.api.proto.v1.TypeChange;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.generate.Resource;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// The server's part of the xDS protocol's incremental rules.
@org.jspecify.annotations.NullUnmarked
class DeltaSessionTest {
    private final DeltaSession session = new DeltaSession();

    private static ProxyView view(String pushId, String... resources) {
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
                                            .setValue(ByteString.copyFromUtf8(text))
                                            .build()));
        }
        return new ProxyView(pushId, byType, List.of(), List.of());
    }

    private static DeltaDiscoveryRequest.Builder request(XdsType type, String... subscribe) {
        return DeltaDiscoveryRequest.newBuilder()
                .setTypeUrl(type.typeUrl())
                .addAllResourceNamesSubscribe(List.of(subscribe));
    }

    private static List<String> names(DeltaDiscoveryResponse response) {
        return response.getResourcesList().stream()
                .map(resource -> resource.getName() + "@" + resource.getVersion())
                .toList();
    }

    private DeltaDiscoveryResponse only(List<DeltaDiscoveryResponse> responses) {
        assertThat(responses).hasSize(1);
        return responses.getFirst();
    }

    @Test
    void anEmptyFirstRequestForClustersIsAWildcard() {
        var view = view("p1", "CLUSTER a 1", "CLUSTER b 1");
        var response =
                only(session.onRequest(XdsType.CLUSTER, request(XdsType.CLUSTER).build(), view));

        assertThat(names(response)).containsExactly("a@1", "b@1");
        assertThat(response.getTypeUrl()).isEqualTo(XdsType.CLUSTER.typeUrl());
        assertThat(response.getNonce()).isNotEmpty();
        assertThat(response.getSystemVersionInfo()).isEqualTo("p1");
    }

    @Test
    void anEmptyWildcardIsStillAnswered() {
        assertThat(only(session.onRequest(
                                XdsType.LISTENER, request(XdsType.LISTENER).build(), view("p")))
                        .getResourcesList())
                .isEmpty();
    }

    @Test
    void onlyWhatChangedIsSent() {
        session.onRequest(XdsType.CLUSTER, request(XdsType.CLUSTER).build(), view("p1", "CLUSTER a 1", "CLUSTER b 1"));

        assertThat(session.onPush(view("p1", "CLUSTER a 1", "CLUSTER b 1"))).isEmpty();
        assertThat(names(only(session.onPush(view("p2", "CLUSTER a 1", "CLUSTER b 2")))))
                .containsExactly("b@2");
        var removal = only(session.onPush(view("p3", "CLUSTER b 2")));
        assertThat(removal.getRemovedResourcesList()).containsExactly("a");
    }

    @Test
    void theNameTableIsAWildcardAndComesAfterTheListenersItsAddressesLeadTo() {
        var before = view("p1", "LISTENER l 1", "NAME_TABLE names 1");
        session.onRequest(XdsType.NAME_TABLE, request(XdsType.NAME_TABLE).build(), before);
        session.onRequest(XdsType.LISTENER, request(XdsType.LISTENER).build(), before);

        var push = session.onPush(view("p2", "LISTENER l 2", "NAME_TABLE names 2"));
        assertThat(push)
                .extracting(DeltaDiscoveryResponse::getTypeUrl)
                .containsExactly(XdsType.LISTENER.typeUrl(), XdsType.NAME_TABLE.typeUrl());
        assertThat(names(push.getLast())).containsExactly("names@2");
        assertThat(session.onPush(view("p2", "LISTENER l 2", "NAME_TABLE names 2")))
                .isEmpty();
    }

    @Test
    void aMissingNameIsSaidToBeAbsentOnceAndSentWhenItAppears() {
        var first = only(session.onRequest(
                XdsType.ENDPOINT, request(XdsType.ENDPOINT, "a").build(), view("p1")));
        assertThat(first.getRemovedResourcesList()).containsExactly("a");
        assertThat(session.onPush(view("p1"))).isEmpty();
        assertThat(names(only(session.onPush(view("p2", "ENDPOINT a 1"))))).containsExactly("a@1");
    }

    @Test
    void whoAsksAgainIsSentAgain() {
        var view = view("p1", "ENDPOINT a 1");
        session.onRequest(XdsType.ENDPOINT, request(XdsType.ENDPOINT, "a").build(), view);

        assertThat(names(only(session.onRequest(
                        XdsType.ENDPOINT, request(XdsType.ENDPOINT, "a").build(), view))))
                .containsExactly("a@1");
    }

    @Test
    void aReconnectingClientIsSentOnlyWhatDiffers() {
        var request = request(XdsType.CLUSTER)
                .putAllInitialResourceVersions(Map.of("a", "1", "b", "1", "gone", "1"))
                .build();
        var response = only(session.onRequest(XdsType.CLUSTER, request, view("p2", "CLUSTER a 1", "CLUSTER b 2")));

        assertThat(names(response)).containsExactly("b@2");
        assertThat(response.getRemovedResourcesList()).containsExactly("gone");
    }

    @Test
    void aReconnectingClientThatHasAllOfItIsSynced() {
        var request = request(XdsType.ENDPOINT)
                .addResourceNamesSubscribe("a")
                .putInitialResourceVersions("a", "1")
                .build();

        assertThat(session.onRequest(XdsType.ENDPOINT, request, view("p1", "ENDPOINT a 1")))
                .isEmpty();
        assertThat(session.states().get(XdsType.ENDPOINT).word()).isEqualTo("SYNCED");
    }

    @Test
    void anAckAsksForNothing() {
        var view = view("p1", "CLUSTER a 1");
        var response =
                only(session.onRequest(XdsType.CLUSTER, request(XdsType.CLUSTER).build(), view));
        assertThat(session.onRequest(
                        XdsType.CLUSTER,
                        request(XdsType.CLUSTER)
                                .setResponseNonce(response.getNonce())
                                .build(),
                        view))
                .isEmpty();
        var state = session.states().get(XdsType.CLUSTER);
        assertThat(state.word()).isEqualTo("SYNCED");
        assertThat(state.subscribed()).isEqualTo(1);
    }

    @Test
    void aNackIsKnownByItsErrorAndNotResent() {
        var view = view("p1", "CLUSTER a 1");
        var response =
                only(session.onRequest(XdsType.CLUSTER, request(XdsType.CLUSTER).build(), view));
        var nack = request(XdsType.CLUSTER)
                .setResponseNonce(response.getNonce())
                .setErrorDetail(Status.newBuilder().setMessage("a: bad"))
                .build();

        assertThat(session.onRequest(XdsType.CLUSTER, nack, view)).isEmpty();
        assertThat(session.states().get(XdsType.CLUSTER).error()).isEqualTo("a: bad");
        assertThat(session.states().get(XdsType.CLUSTER).word()).isEqualTo("ERROR");
    }

    @Test
    void aStaleNonceDoesNotLoseASubscription() {
        var view = view("p1", "ENDPOINT a 1", "ENDPOINT b 1");
        session.onRequest(XdsType.ENDPOINT, request(XdsType.ENDPOINT, "a").build(), view);

        assertThat(names(only(session.onRequest(
                        XdsType.ENDPOINT,
                        request(XdsType.ENDPOINT, "b").setResponseNonce("EDS-0").build(),
                        view))))
                .containsExactly("b@1");
    }

    @Test
    void unsubscribingWhatNobodyAskedForIsNoError() {
        session.onRequest(XdsType.ENDPOINT, request(XdsType.ENDPOINT, "a").build(), view("p", "ENDPOINT a 1"));
        assertThat(session.onRequest(
                        XdsType.ENDPOINT,
                        request(XdsType.ENDPOINT)
                                .addResourceNamesUnsubscribe("phantom")
                                .build(),
                        view("p", "ENDPOINT a 1")))
                .isEmpty();
    }

    @Test
    void unsubscribingANameUnderAWildcardIsAnsweredWithIt() {
        var view = view("p", "CLUSTER a 1");
        session.onRequest(XdsType.CLUSTER, request(XdsType.CLUSTER, "*", "a").build(), view);
        assertThat(names(only(session.onRequest(
                        XdsType.CLUSTER,
                        request(XdsType.CLUSTER)
                                .addResourceNamesUnsubscribe("a")
                                .build(),
                        view))))
                .containsExactly("a@1");
    }

    @Test
    void additionsGoInOrderAndRemovalsInReverseAfterThem() {
        for (var type : List.of(XdsType.ROUTE, XdsType.LISTENER, XdsType.ENDPOINT, XdsType.CLUSTER)) {
            session.onRequest(type, request(type, "*").build(), view("p1", "CLUSTER old 1", "LISTENER old 1"));
        }
        var types = session.onPush(view("p2", "CLUSTER a 1", "ENDPOINT a 1", "LISTENER a 1", "ROUTE a 1")).stream()
                .map(response -> XdsType.ofTypeUrl(response.getTypeUrl()) + "+" + response.getResourcesCount() + "-"
                        + response.getRemovedResourcesCount())
                .toList();

        assertThat(types)
                .containsExactly(
                        "CLUSTER+1-0", "ENDPOINT+1-0", "LISTENER+1-0", "ROUTE+1-0", "LISTENER+0-1", "CLUSTER+0-1");
    }

    @Test
    void endpointsFollowEveryChangedCluster() {
        session.onRequest(XdsType.CLUSTER, request(XdsType.CLUSTER).build(), view("p1", "CLUSTER a 1"));
        session.onRequest(XdsType.ENDPOINT, request(XdsType.ENDPOINT, "a").build(), view("p1", "ENDPOINT a 1"));

        var responses = session.onPush(view("p2", "CLUSTER a 2", "ENDPOINT a 1"));
        assertThat(responses.stream().map(DeltaSessionTest::names).toList())
                .containsExactly(List.of("a@2"), List.of("a@1"));
    }

    @Test
    void virtualHostsOfSubscribedRoutesAreSentOneByOne() {
        var view = view("p1", "ROUTE 80 1", "VIRTUAL_HOST 80/a 1", "VIRTUAL_HOST 81/b 1");
        session.onRequest(XdsType.ROUTE, request(XdsType.ROUTE, "80").build(), view);
        var hosts = only(session.onRequest(
                XdsType.VIRTUAL_HOST, request(XdsType.VIRTUAL_HOST).build(), view));

        assertThat(names(hosts)).containsExactly("80/a@1");
        var changed = only(session.onPush(view("p2", "ROUTE 80 1", "VIRTUAL_HOST 80/c 1")));
        assertThat(names(changed)).containsExactly("80/c@1");
        assertThat(changed.getRemovedResourcesList()).containsExactly("80/a");
    }

    @Test
    void aRouteThatIsAskedForLaterBringsItsVirtualHosts() {
        var view = view("p1", "ROUTE 80 1", "ROUTE 81 1", "VIRTUAL_HOST 80/a 1", "VIRTUAL_HOST 81/b 1");
        session.onRequest(XdsType.ROUTE, request(XdsType.ROUTE, "80").build(), view);
        session.onRequest(XdsType.VIRTUAL_HOST, request(XdsType.VIRTUAL_HOST).build(), view);
        for (int i = 0; i < 2; i++) {
            var responses = session.onRequest(
                    XdsType.ROUTE, request(XdsType.ROUTE, "81").build(), view);
            assertThat(responses).hasSize(2);
            assertThat(names(responses.getLast())).containsExactly("81/b@1");
            session.onRequest(
                    XdsType.ROUTE,
                    request(XdsType.ROUTE).addResourceNamesUnsubscribe("81").build(),
                    view);
        }
    }

    @Test
    void aRouteWithoutVirtualHostsIsSaidToHaveNone() {
        var view = view("p1", "ROUTE 80 1");
        session.onRequest(XdsType.ROUTE, request(XdsType.ROUTE, "80").build(), view);
        assertThat(only(session.onRequest(
                                XdsType.VIRTUAL_HOST,
                                request(XdsType.VIRTUAL_HOST).build(),
                                view))
                        .getRemovedResourcesList())
                .containsExactly("80/none");
    }

    @Test
    void aPushEndsWithItsCommit() {
        var view = view("p1", "CLUSTER a 1");
        session.onRequest(XdsType.CLUSTER, request(XdsType.CLUSTER).build(), view);
        session.onRequest(XdsType.PUSH_COMMIT, request(XdsType.PUSH_COMMIT).build(), view);

        var responses = session.onPush(view("p2", "CLUSTER a 2"));
        assertThat(responses).hasSize(2);
        assertThat(names(responses.getLast())).containsExactly("commit@p2");
    }

    @Test
    void aPushOfNothingThatTheClientHasEndsWithItsCommitAsWell() {
        var view = view("p1", "CLUSTER a 1");
        session.onRequest(XdsType.CLUSTER, request(XdsType.CLUSTER).build(), view);
        session.onRequest(XdsType.PUSH_COMMIT, request(XdsType.PUSH_COMMIT).build(), view);

        var next = view("p2", "CLUSTER a 1", "ROUTE 80 1");
        assertThat(names(only(session.onPush(next)))).containsExactly("commit@p2");
        assertThat(session.onPush(next)).as("said once").isEmpty();
    }

    @Test
    void aCommitSaysWhatItsPushChangedAndNothingElse() throws InvalidProtocolBufferException {
        var view = view("p1", "CLUSTER a 1", "CLUSTER b 1", "CLUSTER c 1");
        session.onRequest(XdsType.CLUSTER, request(XdsType.CLUSTER).build(), view);
        session.onRequest(XdsType.PUSH_COMMIT, request(XdsType.PUSH_COMMIT).build(), view);

        var last = session.onPush(view("p2", "CLUSTER a 1", "CLUSTER b 2")).getLast();
        var commit = last.getResources(0).getResource().unpack(PushCommit.class);
        assertThat(commit.getChangesList())
                .flatExtracting(change -> change.getVersionsMap().keySet())
                .containsExactly("b");
        assertThat(commit.getChangesList())
                .flatExtracting(TypeChange::getRemovedList)
                .containsExactly("c");
    }
}
