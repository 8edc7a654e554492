package dev.mesh.pilot.boot;

import dev.mesh.pilot.folder.FolderSource;
import dev.mesh.pilot.registry.Registry;
import dev.mesh.pilot.render.RenderCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;

/// `mesh-pilot --folder DIR [--xds-port N] [--port-file FILE]`, and `mesh-pilot render --folder DIR [--node NAME]`.
public final class PilotMain {
    private PilotMain() {}

    public static void main(String[] args) throws InterruptedException {
        if (args.length > 0 && args[0].equals("render")) {
            render(args);
            return;
        }
        Path folder = null;
        Path portFile = null;
        int port = 15010;
        for (int i = 0; i + 1 < args.length; i += 2) {
            switch (args[i]) {
                case "--folder" -> folder = Path.of(args[i + 1]);
                case "--port-file" -> portFile = Path.of(args[i + 1]);
                case "--xds-port" -> port = args[i + 1].matches("[0-9]{1,5}") ? Integer.parseInt(args[i + 1]) : -1;
                default -> fail(args[i] + ": unknown option");
            }
        }
        if (folder == null || port < 0 || args.length % 2 != 0) {
            fail("usage: mesh-pilot --folder DIR [--xds-port N] [--port-file FILE]");
            return;
        }
        try {
            var pilot = new Pilot(folder, port);
            pilot.start();
            if (portFile != null) {
                Path written = Files.writeString(
                        portFile.resolveSibling(portFile.getFileName() + ".new"), Integer.toString(pilot.xdsPort()));
                Files.move(written, portFile);
            }
        } catch (IOException e) {
            fail(String.valueOf(e.getMessage()));
        }
        new CountDownLatch(1).await();
    }

    @SuppressWarnings("SystemOut") // the command line's own channel
    private static void render(String[] args) {
        Path folder = null;
        String node = "";
        for (int i = 1; i + 1 < args.length; i += 2) {
            switch (args[i]) {
                case "--folder" -> folder = Path.of(args[i + 1]);
                case "--node" -> node = args[i + 1];
                default -> fail(args[i] + ": unknown option");
            }
        }
        if (folder == null || args.length % 2 != 1) {
            fail("usage: mesh-pilot render --folder DIR [--node NAME]");
            return;
        }
        var registry = new Registry();
        try (var source = new FolderSource(folder, registry, () -> {}, false)) {
            source.read();
            System.out.println(RenderCommand.render(registry.objects(), registry.findings(), node));
        } catch (IOException | IllegalArgumentException e) {
            fail(String.valueOf(e.getMessage()));
        }
    }

    @SuppressWarnings("SystemOut") // the command line's own channel
    private static void fail(String message) {
        System.err.println("mesh-pilot: " + message);
        System.exit(2);
    }
}
