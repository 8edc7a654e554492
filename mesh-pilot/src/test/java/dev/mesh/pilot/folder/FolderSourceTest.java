package dev.mesh.pilot.folder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.registry.Registry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Whatever is done to files while they are saved, the objects that were there stay until something better is there.
class FolderSourceTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    private final Registry registry = new Registry();
    /// The names of the objects after each change.
    private final ConcurrentLinkedQueue<String> history = new ConcurrentLinkedQueue<>();

    private Path folder;
    private Path web;
    private FolderSource source;

    @BeforeEach
    @SuppressWarnings("NullAway.Init")
    void start() throws IOException {
        folder = Files.createDirectory(work.resolve("config"));
        web = Files.writeString(folder.resolve("web.yaml"), service("web", 80));
        Files.writeString(folder.resolve("shop.yaml"), service("shop", 80));
        open(folder);
    }

    private void open(Path at) throws IOException {
        source = new FolderSource(at, registry, () -> history.add(objects()), false);
        source.read();
        source.start();
        assertThat(objects()).isEqualTo("shop:80 web:80");
    }

    @AfterEach
    void stop() throws IOException {
        source.close();
    }

    private static String service(String name, int port) {
        return """
                apiVersion: v1
                kind: Service
                metadata: {name: %s}
                spec: {selector: {app: %s}, ports: [{port: %d, name: http}]}
                """.formatted(name, name, port);
    }

    private String objects() {
        var names = new TreeSet<String>();
        for (MeshObject object : registry.objects()) {
            var service = (dev.mesh.api.k8s.Service) object.spec();
            names.add(object.ref().name() + ":" + service.ports().getFirst().port());
        }
        return String.join(" ", names);
    }

    private void becomes(String expected) {
        await().atMost(Duration.ofSeconds(20)).until(() -> objects().equals(expected));
    }

    private void says(String part) {
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(registry.findings().toString()).contains(part));
    }

    @Test
    void aFileThatIsEmptiedAndThenWrittenInPiecesIsNeverMissing() throws IOException {
        byte[] text = (service("web", 81) + "---\n" + service("cart", 80)).getBytes(StandardCharsets.UTF_8);
        try (var out = Files.newOutputStream(web, StandardOpenOption.TRUNCATE_EXISTING)) {
            for (byte one : text) {
                out.write(one);
                out.flush();
            }
        }

        becomes("cart:80 shop:80 web:81");
        assertThat(history).allMatch(names -> names.contains("web:8") && names.contains("shop:80"));
    }

    @Test
    void vimSavesByRenamingTheOldFileAway() throws IOException {
        Files.writeString(folder.resolve("4913"), "");
        Files.delete(folder.resolve("4913"));
        Files.writeString(folder.resolve(".web.yaml.swp"), "b0VIM");
        Files.move(web, folder.resolve("web.yaml~"));
        Files.writeString(web, service("web", 82));
        Files.delete(folder.resolve("web.yaml~"));

        becomes("shop:80 web:82");
        assertThat(history).allMatch(names -> names.contains("web:8"));
    }

    @Test
    void emacsAndIntelliJLeaveFilesThatAreNoConfiguration() throws IOException {
        Files.createSymbolicLink(folder.resolve(".#web.yaml"), Path.of("user@host.1234"));
        Files.writeString(folder.resolve("#web.yaml#"), "spec: [");
        Path temporary = Files.writeString(folder.resolve("web.yaml___jb_tmp___"), service("web", 83));
        Files.move(web, folder.resolve("web.yaml___jb_old___"));
        Files.move(temporary, web, StandardCopyOption.ATOMIC_MOVE);
        Files.delete(folder.resolve("web.yaml___jb_old___"));

        becomes("shop:80 web:83");
        assertThat(history).allMatch(names -> names.contains("web:8"));
        assertThat(registry.findings()).isEmpty();
    }

    @Test
    void aFileThatIsGoneForGoodTakesItsObjectsAlong() throws IOException {
        Files.delete(web);

        becomes("shop:80");
    }

    @Test
    void anObjectThatMovesToAnotherFileIsNeverMissingAndNeverTwice() throws IOException {
        Files.move(web, folder.resolve("renamed.yaml"));
        Files.writeString(folder.resolve("more.yaml"), service("more", 80));

        becomes("more:80 shop:80 web:80");
        assertThat(history).allMatch(names -> names.contains("web:80"));
        await().atMost(Duration.ofSeconds(20)).until(() -> registry.findings().isEmpty());
    }

    @Test
    void badEditsKeepWhatWasThereAndAreTold() throws IOException {
        Files.writeString(web, "spec: [\n");
        says("web.yaml:2:1: error:");
        Files.write(web, new byte[] {'a', ':', ' ', (byte) 0xE9, '\n'});
        says("web.yaml:1:4: error: byte 0xE9 is no UTF-8");
        Files.delete(web);
        Files.createDirectory(web);
        says("web.yaml:1:1: error: is a folder (expected: a file)");
        Files.delete(web);
        Files.createSymbolicLink(web, folder.resolve("nowhere.yaml.txt"));
        says("web.yaml:1:1: error: is a link to nothing");
        assertThat(objects()).isEqualTo("shop:80 web:80");

        Files.delete(web);
        Files.writeString(web, service("web", 84));

        becomes("shop:80 web:84");
        assertThat(registry.findings()).isEmpty();
        assertThat(history).allMatch(names -> names.contains("web:8"));
    }

    @Test
    void aFileWithoutPermissionKeepsWhatItSaid() throws IOException {
        Files.setPosixFilePermissions(web, PosixFilePermissions.fromString("---------"));
        assumeThat(Files.isReadable(web)).as("root reads everything").isFalse();

        says("web.yaml:1:1: error: cannot be read: permission denied");
        assertThat(objects()).isEqualTo("shop:80 web:80");
    }

    @Test
    void whatALinkLeadsToIsFollowedWhenItChanges() throws IOException {
        Path elsewhere = Files.writeString(work.resolve("elsewhere.yaml"), service("linked", 80));
        Files.createSymbolicLink(folder.resolve("linked.yaml"), elsewhere);
        becomes("linked:80 shop:80 web:80");

        Files.writeString(elsewhere, service("linked", 85));
        becomes("linked:85 shop:80 web:80");
    }

    @Test
    void aMountedConfigMapChangesByOneLink() throws IOException {
        source.close();
        Path mounted = Files.createDirectory(work.resolve("mounted"));
        for (int version : List.of(80, 81)) {
            Path data = Files.createDirectory(mounted.resolve("..v" + version));
            Files.writeString(data.resolve("web.yaml"), service("web", version));
            Files.writeString(data.resolve("shop.yaml"), service("shop", version));
        }
        Files.createSymbolicLink(mounted.resolve("..data"), Path.of("..v80"));
        Files.createSymbolicLink(mounted.resolve("web.yaml"), Path.of("..data/web.yaml"));
        Files.createSymbolicLink(mounted.resolve("shop.yaml"), Path.of("..data/shop.yaml"));
        open(mounted);

        Files.createSymbolicLink(mounted.resolve("..data_tmp"), Path.of("..v81"));
        Files.move(mounted.resolve("..data_tmp"), mounted.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);

        becomes("shop:81 web:81");
        assertThat(registry.findings()).isEmpty();
    }

    @Test
    void aFolderThatIsReplacedIsReadAgain() throws IOException {
        Files.move(folder, work.resolve("old"));
        Path fresh = Files.createDirectory(folder);
        Files.writeString(fresh.resolve("web.yaml"), service("web", 86));
        becomes("web:86");

        Files.writeString(fresh.resolve("web.yaml"), service("web", 87));
        becomes("web:87");
    }

    @Test
    void aFolderCanBeALink() throws IOException {
        source.close();
        Path link = Files.createSymbolicLink(work.resolve("link"), folder);
        open(link);

        Files.writeString(web, service("web", 88));

        becomes("shop:80 web:88");
    }

    @Test
    void aLinkInACircleEndsSomewhere() throws IOException {
        Files.createSymbolicLink(folder.resolve("again"), folder);

        says("a link that leads back to a folder above");
        assertThat(objects()).isEqualTo("shop:80 web:80");
    }
}
