package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Value;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.xds.ClientFeatures;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.ConfigGenerators;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.model.MeshDefaults;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.push.Debouncer;
import dev.mesh.pilot.push.PushRequest;
import dev.mesh.pilot.push.Snapshots;
import dev.mesh.pilot.registry.Registry;
import dev.mesh.pilot.registry.Source;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.Resource;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// No test, but figures: a pilot with 1000 Services and 5000 Pods, and ten clients that ask for all that a sidecar with
/// DNS capture asks for. What a change costs from the watch event to the last client's commit, and how many bytes it
/// sends. By hand, on a quiet machine:
///
///     ./scripts/mvn -q -B -ntp -Dquick -pl mesh-api,mesh-pilot test -Dtest=ScaleMeasurement \
///         -Dsurefire.failIfNoSpecifiedTests=false
final class ScaleMeasurement {
    private static final int SERVICES = 1000;
    private static final int PODS_EACH = 5;
    private static final int HEADLESS = 50; // one of so many
    private static final int TCP = 10; // likewise
    private static final int CLIENTS = 10;
    private static final int ROUNDS = 40;
    private static final int WARM_UP = 20;

    // ---- what there is ----

    private static String namespace(int service) {
        return "ns-" + service % 20;
    }

    private static String service(int i, String labels) {
        boolean tcp = i % TCP == 1;
        return """
                apiVersion: v1
                kind: Service
                metadata: {name: svc-%1$d, namespace: %2$s, labels: {%3$s}}
                spec:
                  clusterIP: %4$s
                  selector: {app: svc-%1$d}
                  ports: [{name: %5$s, port: %6$d, targetPort: 8080}]
                """.formatted(
                        i,
                        namespace(i),
                        labels,
                        i % HEADLESS == 2 ? "None" : "10.96." + i / 250 + "." + (1 + i % 250),
                        tcp ? "tcp" : "http",
                        tcp ? 3306 : i % 2 == 0 ? 80 : 8080);
    }

    private static String address(int pod, int generation) {
        return "10." + (128 + generation % 64) + "." + pod / 250 + "." + (1 + pod % 250);
    }

    private static String pod(int service, int number) {
        int pod = service * PODS_EACH + number;
        return """
                apiVersion: v1
                kind: Pod
                metadata: {name: svc-%1$d-%2$d, namespace: %3$s, labels: {app: svc-%1$d, version: v1}}
                spec: {nodeName: node-%4$d, serviceAccountName: svc-%1$d, containers: [{name: app, image: app}]}
                status: {phase: Running, podIP: %5$s, podIPs: [{ip: %5$s}], conditions: [{type: Ready, status: "True"}]}
                """.formatted(service, number, namespace(service), pod % 50, address(pod, 0));
    }

    private static String slice(int service, int generation) {
        var endpoints = new StringBuilder();
        for (int number = 0; number < PODS_EACH; number++) {
            endpoints
                    .append("- {addresses: [")
                    .append(address(service * PODS_EACH + number, generation))
                    .append("], conditions: {ready: true}, hostname: svc-")
                    .append(number)
                    .append(", targetRef: {kind: Pod, name: svc-%d-%d}}\n".formatted(service, number));
        }
        return """
                apiVersion: discovery.k8s.io/v1
                kind: EndpointSlice
                metadata: {name: svc-%1$d-1, namespace: %2$s, labels: {kubernetes.io/service-name: svc-%1$d}}
                addressType: IPv4
                ports: [{name: %3$s, port: 8080, protocol: TCP}]
                endpoints:
                %4$s""".formatted(service, namespace(service), service % TCP == 1 ? "tcp" : "http", endpoints);
    }

    private static String route(int service, int seconds) {
        return """
                apiVersion: networking.istio.io/v1
                kind: VirtualService
                metadata: {name: svc-%1$d, namespace: %2$s}
                spec: {hosts: [svc-%1$d], http: [{timeout: %3$ds, route: [{destination: {host: svc-%1$d}}]}]}
                """.formatted(service, namespace(service), seconds);
    }

    /// A cluster that says what it is told to.
    private static final class Told implements Source {
        private final Registry registry;
        private final Runnable onChange;

        Told(Registry registry, Runnable onChange) {
            this.registry = registry;
            this.onChange = onChange;
        }

        void put(String yaml) {
            var read = ObjectReader.read("told", yaml.getBytes(StandardCharsets.UTF_8));
            assertThat(read.findings()).isEmpty();
            read.objects().forEach(object -> registry.put(object.ref().toString(), List.of(object), List.of()));
        }

        void change(String yaml) {
            put(yaml);
            onChange.run();
        }

        @Override
        public void read() {
            for (int i = 0; i < SERVICES; i++) {
                put(service(i, ""));
                for (int number = 0; number < PODS_EACH; number++) {
                    put(pod(i, number));
                }
                put(slice(i, 0));
            }
        }

        @Override
        public void start() {}

        @Override
        public void close() {}
    }

    // ---- who asks ----

    /// Takes everything, as mesh-proxy does.
    private static final class Client implements StreamObserver<DeltaDiscoveryResponse>, AutoCloseable {
        private final ManagedChannel channel;
        private final StreamObserver<DeltaDiscoveryRequest> requests;
        private final Map<XdsType, Long> bytes = new EnumMap<>(XdsType.class);
        private final Map<XdsType, Set<String>> asked = new EnumMap<>(XdsType.class);
        private final BlockingQueue<Long> commits = new LinkedBlockingQueue<>();

        Client(int port, int number) {
            channel = ManagedChannelBuilder.forAddress("127.0.0.1", port)
                    .usePlaintext()
                    .maxInboundMessageSize(Integer.MAX_VALUE)
                    .build();
            requests = AggregatedDiscoveryServiceGrpc.newStub(channel).deltaAggregatedResources(this);
            String id = "sidecar~10.1.1." + (1 + number) + "~client-" + number + ".ns-1~ns-1.svc.cluster.local";
            var node = Node.newBuilder()
                    .setId(id)
                    .addClientFeatures(ClientFeatures.PUSH_COMMIT)
                    .addClientFeatures(ClientFeatures.NAMES_APART);
            node.getMetadataBuilder()
                    .putFields("NAMESPACE", text("ns-1"))
                    .putFields("INTERCEPTION_MODE", text("REDIRECT"))
                    .putFields("DNS_CAPTURE", text("true"))
                    .putFields(
                            ClientFeatures.VHDS_METADATA,
                            Value.newBuilder().setBoolValue(true).build());
            requests.onNext(DeltaDiscoveryRequest.newBuilder()
                    .setNode(node)
                    .setTypeUrl(XdsType.CLUSTER.typeUrl())
                    .build());
            for (XdsType type : List.of(XdsType.LISTENER, XdsType.NAME_TABLE, XdsType.PUSH_COMMIT)) {
                subscribe(type, Set.of());
            }
        }

        private static Value text(String value) {
            return Value.newBuilder().setStringValue(value).build();
        }

        private void subscribe(XdsType type, Set<String> names) {
            var known = asked.computeIfAbsent(type, any -> new HashSet<>());
            var fresh = new TreeSet<>(names);
            fresh.removeAll(known);
            known.addAll(fresh);
            if (!fresh.isEmpty() || names.isEmpty()) {
                requests.onNext(DeltaDiscoveryRequest.newBuilder()
                        .setTypeUrl(type.typeUrl())
                        .addAllResourceNamesSubscribe(fresh)
                        .build());
            }
        }

        @Override
        public void onNext(DeltaDiscoveryResponse response) {
            XdsType type = XdsType.ofTypeUrl(response.getTypeUrl());
            assertThat(type).isNotNull();
            synchronized (bytes) {
                bytes.merge(type, (long) response.getSerializedSize(), Long::sum);
            }
            requests.onNext(DeltaDiscoveryRequest.newBuilder()
                    .setTypeUrl(type.typeUrl())
                    .setResponseNonce(response.getNonce())
                    .build());
            try {
                switch (type) {
                    case CLUSTER -> {
                        var names = new HashSet<String>();
                        for (Resource resource : response.getResourcesList()) {
                            var cluster = resource.getResource().unpack(Cluster.class);
                            if (cluster.getType() == Cluster.DiscoveryType.EDS) {
                                names.add(cluster.getName());
                            }
                        }
                        if (!names.isEmpty()) {
                            subscribe(XdsType.ENDPOINT, names);
                        }
                    }
                    case LISTENER -> {
                        var names = new HashSet<String>();
                        for (Resource resource : response.getResourcesList()) {
                            routes(resource.getResource().unpack(Listener.class), names);
                        }
                        if (!names.isEmpty()) {
                            subscribe(XdsType.ROUTE, names);
                        }
                        if (!asked.containsKey(XdsType.VIRTUAL_HOST)) {
                            subscribe(XdsType.VIRTUAL_HOST, Set.of());
                        }
                    }
                    case PUSH_COMMIT -> commits.add(System.nanoTime());
                    default -> {}
                }
            } catch (InvalidProtocolBufferException e) {
                throw new IllegalStateException(e);
            }
        }

        private static void routes(Listener listener, Set<String> to) throws InvalidProtocolBufferException {
            for (FilterChain chain : Stream.concat(
                            listener.getFilterChainsList().stream(), Stream.of(listener.getDefaultFilterChain()))
                    .toList()) {
                for (Filter filter : chain.getFiltersList()) {
                    if (filter.getTypedConfig().is(HttpConnectionManager.class)) {
                        var manager = filter.getTypedConfig().unpack(HttpConnectionManager.class);
                        if (manager.hasRds()) {
                            to.add(manager.getRds().getRouteConfigName());
                        }
                    }
                }
            }
        }

        /// When the next push was complete, nanoseconds.
        long committed() throws InterruptedException {
            Long at = commits.poll(60, TimeUnit.SECONDS);
            assertThat(at).as("no push has come to its end").isNotNull();
            return at;
        }

        /// What came since the last call.
        Map<XdsType, Long> taken() {
            synchronized (bytes) {
                var now = new EnumMap<XdsType, Long>(XdsType.class);
                now.putAll(bytes);
                bytes.clear();
                return now;
            }
        }

        @Override
        public void onError(Throwable problem) {}

        @Override
        public void onCompleted() {}

        @Override
        public void close() {
            channel.shutdownNow();
        }
    }

    // ---- figures ----

    private static void say(String what, List<Long> nanos, String more) {
        var sorted = nanos.stream().sorted().toList();
        System.out.printf(
                "%-58s p50 %6.1f ms  p99 %6.1f ms  %s%n",
                what, sorted.get(sorted.size() / 2) / 1e6, sorted.get(sorted.size() * 99 / 100) / 1e6, more);
    }

    private static void pushes(Told cluster, List<Client> clients, String what, IntFunction<String> change)
            throws InterruptedException {
        var times = new ArrayList<Long>();
        var bytes = new EnumMap<XdsType, Long>(XdsType.class);
        for (int round = 0; round < WARM_UP + ROUNDS; round++) {
            quiet();
            clients.forEach(Client::taken);
            String yaml = change.apply(round);
            long from = System.nanoTime();
            cluster.change(yaml);
            long last = 0;
            for (Client client : clients) {
                last = Math.max(last, client.committed());
            }
            if (round >= WARM_UP) {
                times.add(last - from);
                clients.forEach(client -> client.taken().forEach((type, size) -> bytes.merge(type, size, Long::sum)));
            }
        }
        bytes.replaceAll((type, size) -> size / ROUNDS / 1000);
        long all = bytes.values().stream().mapToLong(Long::longValue).sum();
        say(what, times, "kB to " + CLIENTS + " clients: " + all + " " + bytes);
    }

    // A single change is one that comes after a time without.
    private static void quiet() throws InterruptedException {
        TimeUnit.MILLISECONDS.sleep(Debouncer.QUIET + 50);
    }

    private static long heap() throws InterruptedException {
        var runtime = Runtime.getRuntime();
        for (int i = 0; i < 3; i++) {
            System.gc();
            quiet();
        }
        return (runtime.totalMemory() - runtime.freeMemory()) / 1_000_000;
    }

    @Test
    void changesOfAMeshOfAThousandServices() throws Exception {
        var told = new ArrayList<Told>();
        long empty = heap();
        try (var pilot = new Pilot(
                (registry, onChange) -> {
                    told.add(new Told(registry, onChange));
                    return told.getFirst();
                },
                0,
                MeshDefaults.ofCluster("mesh-system"))) {
            pilot.start();
            Told cluster = told.getFirst();
            System.out.println("heap MB: before " + empty + ", without clients " + heap());
            var clients = new ArrayList<Client>();
            for (int i = 0; i < CLIENTS; i++) {
                clients.add(new Client(pilot.xdsPort(), i));
            }
            for (Client client : clients) {
                client.committed();
            }
            quiet();
            System.out.println(
                    "at the start, bytes to one client: " + clients.getFirst().taken());
            System.out.println("heap MB with " + CLIENTS + " clients (and these): " + heap());

            pushes(cluster, clients, "endpoints of one Service", round -> slice(7, round + 1));
            pushes(cluster, clients, "endpoints of one headless Service", round -> slice(2, round + 1));
            pushes(cluster, clients, "a route (VirtualService)", round -> route(4, round + 1));
            pushes(cluster, clients, "one Service more", round -> service(SERVICES + round, ""));
            System.out.println("heap MB after all: " + heap());
            clients.forEach(Client::close);
        }
    }

    /// Without the network: what a push is made of, in processor time.
    @Test
    void partsOfAPush() {
        var registry = new Registry();
        new Told(registry, () -> {}).read();
        parts(registry);
    }

    private static long cpu() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static void parts(Registry told) {
        var objects = told.objects();
        var snapshots = new Snapshots(MeshDefaults.ofCluster("mesh-system"));
        var whole = new ArrayList<Long>();
        var workloads = new ArrayList<Long>();
        var registry = new ArrayList<Long>();
        var without = new ArrayList<>(objects);
        without.removeFirst();
        PushRequest newest = snapshots.next(objects, 0);
        for (int round = 0; round < WARM_UP + ROUNDS; round++) {
            long a = cpu();
            told.objects();
            long b = cpu();
            snapshots.next(round % 2 == 0 ? without : objects, 0);
            long c = cpu();
            newest = snapshots.next(round % 2 == 0 ? without : objects, 0);
            long d = cpu();
            if (round >= WARM_UP) {
                registry.add(b - a);
                whole.add(c - b);
                workloads.add(d - c);
            }
        }
        say("CPU: the registry's objects as one list", registry, "");
        say("CPU: a snapshot, a Service changed", whole, "");
        say("CPU: a snapshot, none changed but workloads", workloads, "");
        var generators = new ConfigGenerators();
        for (boolean names : new boolean[] {false, true}) {
            var made = new ArrayList<Long>();
            ProxyView view = ProxyView.EMPTY;
            for (int round = 0; round < WARM_UP + ROUNDS; round++) {
                long from = cpu();
                view = generators.generate(newest.context(), node(names));
                if (round >= WARM_UP) {
                    made.add(cpu() - from);
                }
            }
            say(
                    "all of one sidecar" + (names ? ", with names" : ""),
                    made,
                    view.counts().toString());
            System.out.println("bytes of its names: "
                    + view.of(XdsType.NAME_TABLE).values().stream()
                            .mapToInt(part -> part.body().getSerializedSize())
                            .sum());
        }
    }

    private static ProxyNode node(boolean names) {
        return new ProxyNode(
                "sidecar~10.1.1.1~client-0.ns-1~ns-1.svc.cluster.local",
                ProxyNode.Type.SIDECAR,
                List.of("10.1.1.1"),
                "ns-1",
                "",
                Map.of(),
                "",
                "",
                "",
                ProxyNode.Interception.REDIRECT,
                "",
                Map.of(),
                true,
                true,
                "",
                names,
                names);
    }
}
