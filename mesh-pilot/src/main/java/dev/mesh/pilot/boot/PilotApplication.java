package dev.mesh.pilot.boot;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.admin.DebugEndpoints;
import dev.mesh.pilot.admin.LoopbackGuard;
import dev.mesh.pilot.admin.Mesh;
import dev.mesh.pilot.folder.FolderSource;
import dev.mesh.pilot.kube.KubeOptions;
import dev.mesh.pilot.kube.KubeSource;
import dev.mesh.pilot.model.MeshDefaults;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.serve.AdsService;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;

/// The composition root: read top to bottom it is the path of a change.
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(DebugEndpoints.class)
public class PilotApplication {
    private static final Logger LOGGER = LoggerFactory.getLogger(PilotApplication.class);

    /// Starts the pilot; returns when it serves.
    /// @return close it to stop
    static ConfigurableApplicationContext run(PilotProperties properties) {
        var application = new SpringApplication(PilotApplication.class);
        application.setBannerMode(Banner.Mode.OFF);
        application.setLogStartupInfo(false);
        application.setDefaultProperties(Map.ofEntries(
                // The kubelet and Prometheus come from outside; what is not for them, the guard keeps to loopback.
                Map.entry("server.address", properties.isOnKubernetes() ? "0.0.0.0" : "127.0.0.1"),
                Map.entry("server.port", Integer.toString(properties.httpPort())),
                Map.entry("management.endpoints.web.base-path", "/"),
                Map.entry("management.endpoints.web.exposure.include", "health,prometheus,loggers"),
                Map.entry("management.endpoints.web.path-mapping.prometheus", "metrics"),
                Map.entry("management.endpoints.web.discovery.enabled", "false"),
                Map.entry("management.endpoint.health.probes.enabled", "true"),
                Map.entry("management.endpoint.health.group.readiness.include", "readinessState,pilot"),
                Map.entry("management.endpoint.health.group.readiness.show-components", "always"),
                Map.entry("management.endpoint.health.group.readiness.show-details", "always"),
                Map.entry("spring.main.lazy-initialization", "true"),
                Map.entry("spring.jmx.enabled", "false"),
                Map.entry("logging.config", "classpath:logback.xml")));
        application.addInitializers(context -> context.getBeanFactory().registerSingleton("properties", properties));
        return application.run();
    }

    /// Serves before the HTTP port does: proxies wait for it, people do not.
    @Bean
    @org.springframework.context.annotation.Lazy(false)
    Pilot pilot(PilotProperties properties) throws IOException {
        KubeOptions cluster = properties.kubernetes();
        Path folder = properties.folder();
        if (cluster == null && folder == null) {
            throw new IOException("neither a folder nor a cluster");
        }
        var pilot = new Pilot(
                (registry, onChange) -> cluster == null
                        ? new FolderSource(java.util.Objects.requireNonNull(folder), registry, onChange)
                        : new KubeSource(cluster, registry, onChange),
                properties.xdsPort(),
                cluster == null ? MeshDefaults.LOCAL : MeshDefaults.ofCluster(cluster.namespace()));
        if (cluster == null) {
            serve(pilot, properties);
        } else {
            // An API server may let wait, and the probes tell of it meanwhile.
            Thread.ofPlatform().name("start").start(() -> {
                try {
                    serve(pilot, properties);
                } catch (IOException | RuntimeException e) {
                    LOGGER.atError().setCause(e).log("cannot serve");
                    System.exit(1);
                }
            });
        }
        return pilot;
    }

    private static void serve(Pilot pilot, PilotProperties properties) throws IOException {
        KubeOptions cluster = properties.kubernetes();
        if (cluster == null) {
            pilot.start();
        } else {
            pilot.start(started -> MeshServers.start(
                    started, cluster, started.trustDomain(), properties.securePort(), properties.webhookPort()));
        }
        Path file = properties.portFile();
        if (file != null) {
            Path written = Files.writeString(
                    file.resolveSibling(file.getFileName() + ".new"), Integer.toString(pilot.xdsPort()));
            Files.move(written, file);
        }
    }

    @Bean("pilotHealthIndicator")
    HealthIndicator health(Pilot pilot) {
        return () -> {
            String waitsFor = pilot.waitsFor();
            return waitsFor.isEmpty()
                    ? Health.up().build()
                    : Health.down().withDetail("waitsFor", waitsFor).build();
        };
    }

    @Bean
    LoopbackGuard guard() {
        return new LoopbackGuard();
    }

    @Bean
    @org.springframework.context.annotation.Lazy(false)
    PilotMetrics metrics(Pilot pilot, MeterRegistry registry) {
        return new PilotMetrics(pilot, registry);
    }

    @Bean
    Mesh mesh(Pilot pilot) {
        return new Mesh() {
            @Override
            public @Nullable PushContext newest() {
                return pilot.newest();
            }

            @Override
            public Collection<MeshObject> objects() {
                return pilot.objects();
            }

            @Override
            public List<Finding> findings() {
                return pilot.findings();
            }

            @Override
            public List<AdsService.Connected> connected() {
                return pilot.proxies();
            }
        };
    }
}
