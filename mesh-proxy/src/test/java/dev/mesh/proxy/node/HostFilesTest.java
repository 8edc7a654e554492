package dev.mesh.proxy.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What is written into a host's folders, and that nothing of it stays.
@SuppressWarnings("NullAway.Init") // set by JUnit
class HostFilesTest {
    // As somebody wrote it by hand.
    private static final String LIST = """
            {
              "cniVersion": "0.4.0", "name": "net",
              "plugins": [
                {"type": "ptp", "mtu": 1400, "x": 1.50, "u": "http://a?b=c&d", "ipam": {"type": "host-local"}},
                {"type": "portmap", "capabilities": {"portMappings": true}}]}""";

    private static final String SINGLE = """
            {"cniVersion": "0.3.1", "name": "net", "type": "bridge", "ipam": {}}
            """;

    @TempDir
    private Path folder;

    private Path programs;
    private Path configurations;
    private Path plugin;

    @BeforeEach
    void makesAHost() throws IOException {
        programs = Files.createDirectory(folder.resolve("bin"));
        configurations = Files.createDirectory(folder.resolve("net.d"));
        plugin = Files.writeString(folder.resolve("mesh-cni"), "the program");
    }

    private HostFiles files(String name) {
        var settings = new JsonObject();
        settings.addProperty("socket", "/run/agent.sock");
        return new HostFiles(programs, configurations, name, plugin, settings);
    }

    private Map<String, String> host() throws IOException {
        var host = new TreeMap<String, String>();
        for (Path each : new Path[] {programs, configurations}) {
            try (var found = Files.list(each)) {
                for (Path file : found.toList()) {
                    host.put(
                            file.getFileName().toString(),
                            PosixFilePermissions.toString(Files.getPosixFilePermissions(file)) + " "
                                    + Files.readString(file));
                }
            }
        }
        return host;
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(configurations.resolve(name), text);
    }

    private JsonObject read(String name) throws IOException {
        return JsonParser.parseString(Files.readString(configurations.resolve(name)))
                .getAsJsonObject();
    }

    @Test
    void thePluginComesLastInTheFirstListAndGoesWithoutATrace() throws IOException {
        write("10-net.conflist", LIST);
        write("20-other.conflist", LIST.replace("net", "other"));
        write("05-note.txt", "not a configuration");
        write("06-broken.conflist", "{");
        Files.setPosixFilePermissions(
                configurations.resolve("10-net.conflist"), PosixFilePermissions.fromString("rw-r-----"));
        Files.writeString(programs.resolve("ptp"), "another's");
        Map<String, String> before = host();

        files("").ensure();

        JsonObject list = read("10-net.conflist");
        assertThat(list.getAsJsonArray("plugins")).hasSize(3);
        JsonObject own = list.getAsJsonArray("plugins").get(2).getAsJsonObject();
        assertThat(own.get("type").getAsString()).isEqualTo("mesh-cni");
        assertThat(own.get("socket").getAsString()).isEqualTo("/run/agent.sock");
        assertThat(own.get("capabilities")).hasToString("{\"io.kubernetes.cri.pod-annotations\":true}");
        Map<String, String> installed = host();
        assertThat(installed.get("mesh-cni")).isEqualTo("rwxr-xr-x the program");
        assertThat(installed.get("10-net.conflist")).startsWith("rw-r----- ").contains("1.50", "http://a?b=c&d");
        installed.remove("mesh-cni");
        installed.put("10-net.conflist", before.get("10-net.conflist"));
        assertThat(installed).as("all others").isEqualTo(before);

        files("").remove();
        assertThat(host()).isEqualTo(before);
        files("").remove();
        assertThat(host()).isEqualTo(before);
    }

    @Test
    void whatIsInPlaceIsNotTouched() throws IOException {
        write("10-net.conflist", LIST);
        files("").ensure();
        var time = Files.getLastModifiedTime(configurations.resolve("10-net.conflist"));
        var inode = Files.getAttribute(configurations.resolve("10-net.conflist"), "unix:ino");

        files("").ensure();

        assertThat(Files.getLastModifiedTime(configurations.resolve("10-net.conflist")))
                .isEqualTo(time);
        assertThat(Files.getAttribute(configurations.resolve("10-net.conflist"), "unix:ino"))
                .isEqualTo(inode);
    }

    @Test
    void whatAnotherWritesAnewIsMended() throws IOException {
        write("10-net.conflist", LIST);
        files("").ensure();
        String changed = LIST.replace("1400", "9000");
        write("10-net.conflist", changed);
        Files.writeString(programs.resolve("mesh-cni"), "an older program");

        files("").ensure();

        assertThat(read("10-net.conflist").getAsJsonArray("plugins")).hasSize(3);
        assertThat(host()).containsEntry("mesh-cni", "rwxr-xr-x the program");
        files("").remove();
        assertThat(configurations.resolve("10-net.conflist")).hasContent(changed);
    }

    @Test
    void aSinglePluginsNewConfigurationTakesThePlaceOfItsOld() throws IOException {
        write("10-net.conf", SINGLE);
        files("").ensure();
        String changed = SINGLE.replaceFirst("\\{", "{\"mtu\": 9000, ");
        write("10-net.conf", changed);

        files("").ensure();

        assertThat(configurations.resolve("10-net.conf")).doesNotExist();
        assertThat(read("10-net.conflist").getAsJsonArray("plugins")).hasSize(2);
        files("").remove();
        assertThat(configurations.resolve("10-net.conf")).hasContent(changed);
        assertThat(configurations.resolve("10-net.conflist")).doesNotExist();
    }

    @Test
    void whatIsNoTextIsLeftAlone() throws IOException {
        byte[] bytes = {(byte) 0xff, (byte) 0xfe, 0};
        Files.write(configurations.resolve("00-other.conf"), bytes);
        write("10-net.conflist", LIST);

        files("").ensure();

        assertThat(read("10-net.conflist").getAsJsonArray("plugins")).hasSize(3);
        assertThat(configurations.resolve("00-other.conf")).hasBinaryContent(bytes);
    }

    @Test
    void whatAnotherAddsBesideUsStays() throws IOException {
        write("10-net.conflist", LIST);
        files("").ensure();
        JsonObject list = read("10-net.conflist");
        list.getAsJsonArray("plugins").add(JsonParser.parseString("{\"type\": \"tuning\"}"));
        write("10-net.conflist", list.toString());

        files("").remove();

        assertThat(read("10-net.conflist").getAsJsonArray("plugins"))
                .extracting(each -> each.getAsJsonObject().get("type").getAsString())
                .containsExactly("ptp", "portmap", "tuning");
    }

    @Test
    void anotherThatBecomesTheFirstIsChainedToInstead() throws IOException {
        write("10-net.conflist", LIST);
        files("").ensure();
        write("00-new.conflist", LIST.replace("net", "new"));

        files("").ensure();

        assertThat(read("00-new.conflist").getAsJsonArray("plugins")).hasSize(3);
        assertThat(configurations.resolve("10-net.conflist")).hasContent(LIST);
    }

    @Test
    void newSettingsReplaceTheOld() throws IOException {
        write("10-net.conflist", LIST);
        files("").ensure();
        var settings = new JsonObject();
        settings.addProperty("socket", "/run/other.sock");

        new HostFiles(programs, configurations, "", plugin, settings).ensure();

        JsonObject list = read("10-net.conflist");
        assertThat(list.getAsJsonArray("plugins")).hasSize(3);
        assertThat(list.toString()).contains("other.sock").doesNotContain("agent.sock");
        files("").remove();
        assertThat(configurations.resolve("10-net.conflist")).hasContent(LIST);
    }

    @Test
    void aSinglePluginBecomesAListAndIsOneAgainAfterwards() throws IOException {
        write("10-net.conf", SINGLE);
        Map<String, String> before = host();

        files("").ensure();

        assertThat(configurations.resolve("10-net.conf")).doesNotExist();
        JsonObject list = read("10-net.conflist");
        assertThat(list.get("name").getAsString()).isEqualTo("net");
        assertThat(list.get("cniVersion").getAsString()).isEqualTo("0.3.1");
        assertThat(list.getAsJsonArray("plugins"))
                .extracting(each -> each.getAsJsonObject().get("type").getAsString())
                .containsExactly("bridge", "mesh-cni");
        files("10-net.conf").ensure();
        assertThat(read("10-net.conflist").getAsJsonArray("plugins")).hasSize(2);
        files("").remove();
        assertThat(host()).isEqualTo(before);
    }

    @Test
    void theNamedOneIsChosen() throws IOException {
        write("10-net.conflist", LIST);
        write("20-other.conflist", LIST);

        files("20-other.conflist").ensure();

        assertThat(configurations.resolve("10-net.conflist")).hasContent(LIST);
        assertThat(read("20-other.conflist").getAsJsonArray("plugins")).hasSize(3);
    }

    @Test
    void whatCannotBeChainedToIsSaid() throws IOException {
        assertThatThrownBy(() -> files("").ensure())
                .isInstanceOf(IOException.class)
                .hasMessage(configurations + " has no network configuration to chain to (expected: the file of the"
                        + " cluster's network plugin)");
        write("10-net.conflist", LIST.replace("0.4.0", "0.2.0"));
        assertThatThrownBy(() -> files("").ensure())
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(
                        "10-net.conflist: cniVersion is \"0.2.0\", with which plugins cannot be chained");
        assertThatThrownBy(() -> files("30-x.conflist").ensure())
                .isInstanceOf(IOException.class)
                .hasMessageContaining("has no network configuration 30-x.conflist");
    }
}
