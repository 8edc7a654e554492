package dev.mesh.pilot.boot;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;

/// `mesh-pilot --folder DIR [--xds-port N] [--port-file FILE]`.
public final class PilotMain {
    private PilotMain() {}

    public static void main(String[] args) throws InterruptedException {
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
    private static void fail(String message) {
        System.err.println("mesh-pilot: " + message);
        System.exit(2);
    }
}
