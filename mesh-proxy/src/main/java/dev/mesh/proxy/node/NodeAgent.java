package dev.mesh.proxy.node;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.intercept.NamespaceInterception;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The agent of one node: answers the plugin, keeps what is in the host's folders in place, and looks after pods that
/// came up without it. It serves from [#start] to [#close].
final class NodeAgent implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(NodeAgent.class);
    private static final Duration LOOK_AT_FILES = Duration.ofSeconds(30);
    private static final Duration LOOK_AT_PODS = Duration.ofSeconds(10);
    // Who writes a file writes it in steps.
    private static final Duration QUIET = Duration.ofMillis(200);

    private final NodeSettings settings;
    private final KubeApi api;
    private final HostFiles files;
    private final Repair repair;
    private final List<Thread> threads = new ArrayList<>();
    // Programs of iptables wait for nobody who has the lock.
    private final ReentrantLock oneAtATime = new ReentrantLock();
    private volatile String unready = "it has not looked at the network configuration yet";
    private @Nullable AgentSocket socket;
    private @Nullable HttpServer status;

    NodeAgent(NodeSettings settings, KubeApi api) {
        this.settings = settings;
        this.api = api;
        files = HostFiles.of(settings);
        repair = new Repair(api, settings, InstantSource.system());
    }

    /// @throws IOException with a sentence
    void start() throws IOException {
        // First it answers, then pods are sent to it.
        socket = AgentSocket.open(settings.socket(), settings.patienceSeconds(), this::answer);
        HttpServer server = HttpServer.create(new InetSocketAddress(settings.statusPort()), 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/healthz/ready", this::ready);
        server.start();
        status = server;
        threads.add(Thread.ofVirtual().name("host-files").start(this::keepFiles));
        threads.add(Thread.ofVirtual().name("repair").start(this::keepPods));
    }

    /// Empty if it is ready.
    String unready() {
        return unready;
    }

    /// Where it says whether it is ready.
    int statusPort() {
        HttpServer server = status;
        return server == null ? 0 : server.getAddress().getPort();
    }

    private void ready(HttpExchange exchange) throws IOException {
        try (exchange) {
            String reason = unready;
            byte[] body = (reason.isEmpty() ? "ready\n" : reason + "\n").getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(reason.isEmpty() ? 200 : 503, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    // ---- pods ----

    /// The plugin asks for a pod's rules. Blocks.
    ///
    /// @param call a line of JSON
    /// @param namespace the file of the pod's network namespace
    /// @return a line of JSON: `{}`, or an `error`
    String answer(String call, String namespace) {
        var answer = new JsonObject();
        try {
            lay(JsonParser.parseString(call).getAsJsonObject(), namespace);
        } catch (JsonParseException | IllegalStateException e) {
            answer.addProperty("error", "the plugin's call is not JSON: mesh-cni is of another version");
        } catch (IOException e) {
            answer.addProperty("error", String.valueOf(e.getMessage()));
        } catch (ConfigRejected e) {
            answer.addProperty(
                    "error",
                    "the arguments of its container " + PodRules.VALIDATION + " are wrong: "
                            + String.join("; ", e.reasons()));
        }
        if (answer.has("error")) {
            LOGGER.atWarn().addKeyValue("call", call).log("rules not laid: {}", Json.text(answer, "error"));
        }
        return answer.toString();
    }

    private void lay(JsonObject call, String namespace) throws IOException, ConfigRejected {
        String name = Json.text(call, "namespace") + "/" + Json.text(call, "name");
        JsonObject pod;
        try {
            pod = api.get("/api/v1/namespaces/" + Json.text(call, "namespace") + "/pods/" + Json.text(call, "name"));
        } catch (KubeApi.Refused e) {
            if (e.status() == 404) {
                // A static pod before its mirror is there: nobody has injected that.
                LOGGER.atInfo().addKeyValue("pod", name).log("left alone: the API server does not know it");
                return;
            }
            throw e;
        }
        String uid = Json.text(call, "uid");
        boolean mirror = Json.map(pod, "metadata", "annotations").containsKey("kubernetes.io/config.mirror");
        if (!uid.isEmpty() && !mirror && !uid.equals(Json.text(pod, "metadata", "uid"))) {
            throw new IOException("the API server has another pod of that name by now");
        }
        switch (PodRules.of(pod, settings.excludedNamespaces(), NamespaceInterception.nameServers())) {
            case PodRules.Decision.Leave(String why) ->
                LOGGER.atInfo().addKeyValue("pod", name).log("left alone: {}", why);
            case PodRules.Decision.Lay(var args, var environment, var nameServers) -> {
                oneAtATime.lock();
                try {
                    String done = NamespaceInterception.apply(namespace, args, environment, nameServers);
                    LOGGER.atInfo()
                            .addKeyValue("pod", name)
                            .addKeyValue("interfaces", Json.strings(call, "interfaces"))
                            .log("rules laid: {}", done);
                } finally {
                    oneAtATime.unlock();
                }
            }
        }
    }

    private void keepPods() {
        String before = "";
        while (!Thread.currentThread().isInterrupted()) {
            String problem = "";
            try {
                // Before it is in place, what is deleted would come up in the same way.
                if (unready.isEmpty()) {
                    repair.look();
                }
            } catch (IOException e) {
                problem = String.valueOf(e.getMessage());
            }
            if (!problem.isEmpty() && !problem.equals(before)) {
                LOGGER.atWarn().log("pods that came up without rules cannot be looked for: {}", problem);
            }
            before = problem;
            try {
                Thread.sleep(LOOK_AT_PODS);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    // ---- files ----

    private void keepFiles() {
        try (WatchService watch = settings.configurations().getFileSystem().newWatchService()) {
            WatchKey key = null;
            while (!Thread.currentThread().isInterrupted()) {
                if (key == null || !key.reset()) {
                    key = watch(watch, settings.configurations());
                }
                ensure();
                Duration patience = unready.isEmpty() ? LOOK_AT_FILES : LOOK_AT_FILES.dividedBy(10);
                WatchKey seen = watch.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
                while (seen != null) {
                    seen.pollEvents();
                    seen.reset();
                    seen = watch.poll(QUIET.toMillis(), TimeUnit.MILLISECONDS);
                }
            }
        } catch (IOException e) {
            unready = "the host's folders cannot be watched: " + e.getMessage();
            LOGGER.atError().log("{}", unready);
        } catch (InterruptedException e) {
            // It ends.
        }
    }

    private static @Nullable WatchKey watch(WatchService watch, Path folder) {
        try {
            return folder.register(
                    watch,
                    StandardWatchEventKinds.ENTRY_CREATE,
                    StandardWatchEventKinds.ENTRY_MODIFY,
                    StandardWatchEventKinds.ENTRY_DELETE);
        } catch (IOException e) {
            return null; // not there: ensure says so
        }
    }

    private void ensure() {
        String before = unready;
        try {
            files.ensure();
            unready = "";
        } catch (IOException e) {
            unready = HostFiles.sentence(e);
        }
        if (!unready.equals(before)) {
            if (unready.isEmpty()) {
                LOGGER.atInfo().addKeyValue("node", settings.node()).log("ready");
            } else {
                LOGGER.atWarn().log("not ready: {}", unready);
            }
        }
    }

    // ---- the end ----

    /// Stops. What is in the host's folders stays there, so that pods wait for the agent to come back, unless its
    /// DaemonSet is gone.
    @Override
    public void close() {
        threads.forEach(Thread::interrupt);
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        if (isUninstalled()) {
            remove();
        }
        if (socket != null) {
            socket.close();
        }
        if (status != null) {
            status.stop(0);
        }
    }

    private void remove() {
        try {
            files.remove();
            LOGGER.atInfo().addKeyValue("node", settings.node()).log("removed from the host");
        } catch (IOException e) {
            LOGGER.atError().log("the host's folders are not as they were: {}", HostFiles.sentence(e));
        }
    }

    // Who uninstalls takes away the permissions with the DaemonSet.
    private boolean isUninstalled() {
        try {
            JsonObject set =
                    api.get("/apis/apps/v1/namespaces/" + settings.namespace() + "/daemonsets/" + settings.daemonSet());
            return !Json.text(set, "metadata", "deletionTimestamp").isEmpty();
        } catch (KubeApi.Refused e) {
            return e.status() == 404 || e.status() == 403 || e.status() == 401;
        } catch (IOException e) {
            LOGGER.atWarn().log("stays installed: {}", e.getMessage());
            return false;
        }
    }
}
