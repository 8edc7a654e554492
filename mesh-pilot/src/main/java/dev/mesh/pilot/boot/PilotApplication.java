package dev.mesh.pilot.boot;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.admin.DebugEndpoints;
import dev.mesh.pilot.admin.Mesh;
import dev.mesh.pilot.folder.FolderSource;
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
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;

/// The composition root: read top to bottom it is the path of a change.
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(DebugEndpoints.class)
public class PilotApplication {

    /// Starts the pilot; returns when it serves.
    /// @return close it to stop
    static ConfigurableApplicationContext run(PilotProperties properties) {
        var application = new SpringApplication(PilotApplication.class);
        application.setBannerMode(Banner.Mode.OFF);
        application.setLogStartupInfo(false);
        application.setDefaultProperties(Map.of(
                "server.address", "127.0.0.1",
                "server.port", Integer.toString(properties.httpPort()),
                "management.endpoints.web.base-path", "/",
                "management.endpoints.web.exposure.include", "health,prometheus,loggers",
                "management.endpoints.web.path-mapping.prometheus", "metrics",
                "management.endpoints.web.discovery.enabled", "false",
                "spring.main.lazy-initialization", "true",
                "spring.jmx.enabled", "false",
                "logging.config", "classpath:logback.xml"));
        application.addInitializers(context -> context.getBeanFactory().registerSingleton("properties", properties));
        return application.run();
    }

    /// Serves before the HTTP port does: proxies wait for it, people do not.
    @Bean
    @org.springframework.context.annotation.Lazy(false)
    Pilot pilot(PilotProperties properties) throws IOException {
        var pilot = new Pilot(
                (registry, onChange) -> new FolderSource(properties.folder(), registry, onChange),
                properties.xdsPort());
        pilot.start();
        Path file = properties.portFile();
        if (file != null) {
            Path written = Files.writeString(
                    file.resolveSibling(file.getFileName() + ".new"), Integer.toString(pilot.xdsPort()));
            Files.move(written, file);
        }
        return pilot;
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
