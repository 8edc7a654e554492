package dev.mesh.pilot.boot;

import dev.mesh.api.finding.Finding;
import dev.mesh.pilot.folder.FolderSource;
import dev.mesh.pilot.generate.ConfigGenerators;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushContextBuilder;
import dev.mesh.pilot.push.PushRequest;
import dev.mesh.pilot.registry.Registry;
import dev.mesh.pilot.serve.AdsService;
import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A pilot on a folder: reads, serves, and pushes what changes.
public final class Pilot implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(Pilot.class);

    private final Registry registry = new Registry();
    private final ExecutorService pushes = Executors.newVirtualThreadPerTaskExecutor();
    private final AtomicLong revisions = new AtomicLong();
    private final AdsService ads;
    private final FolderSource source;
    private final Server server;
    private final Set<Finding> known = new HashSet<>();
    private volatile @Nullable PushContext newest;

    /// @param xdsPort on loopback, 0 = any
    public Pilot(Path folder, int xdsPort) throws IOException {
        ads = new AdsService(new ConfigGenerators(), () -> newest, pushes);
        source = new FolderSource(folder, registry, this::changed);
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), xdsPort))
                .addService(ads)
                .executor(pushes)
                .permitKeepAliveTime(10, TimeUnit.SECONDS)
                .permitKeepAliveWithoutCalls(true)
                .build();
    }

    /// Reads the folder, then serves.
    public void start() throws IOException {
        source.start();
        server.start();
        LOGGER.atInfo()
                .addKeyValue("xds", "127.0.0.1:" + server.getPort())
                .addKeyValue("objects", registry.objects().size())
                .log("ready");
    }

    public int xdsPort() {
        return server.getPort();
    }

    /// Node ids of the connected proxies.
    public List<String> connected() {
        return ads.connected();
    }

    // On the source's thread, one at a time.
    private void changed() {
        long since = System.nanoTime();
        PushContext context = PushContextBuilder.build(revisions.incrementAndGet(), registry.objects());
        newest = context;
        for (Finding finding : context.findings()) {
            if (known.add(finding)) {
                LOGGER.atWarn().log("{}", finding);
            }
        }
        known.retainAll(context.findings());
        ads.push(new PushRequest(context, true, Set.of(), since));
    }

    @Override
    public void close() throws IOException {
        source.close();
        server.shutdownNow();
        pushes.shutdownNow();
    }
}
