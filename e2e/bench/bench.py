#!/usr/bin/env python3
"""Measures mesh-proxy beside Envoy, HAProxy and nginx on one machine, and prints the figures as Markdown.

Every proxy has one core to itself and one worker; load generator and upstream share the other core. The proxies run
side by side, and each piece of work goes round all of them, round after round, so that a disturbance of the machine
meets them all. Nothing but loopback is used, everything is bounded in time, and no process stays.

Environment: QUICK=1 for short rounds, ROUNDS=n, ONLY=piece[,piece] with the pieces of PIECES below, "memory", "start"
and "propagation"; PROXIES=mesh-proxy,envoy to leave some out.
"""

import ctypes
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HOME = ROOT / "target" / "home"
QUICK = os.environ.get("QUICK", "") not in ("", "0")
ROUNDS = int(os.environ.get("ROUNDS", "3" if QUICK else "7"))
SECONDS = 3 if QUICK else 8
PROXY_CORE, LOAD_CORE = "1", "0"
TICK = os.sysconf("SC_CLK_TCK")

# name: (listener, what it says in the table, h2load's options and path) or a rate
PIECES = {
    "h1-1k": ("H1", "HTTP/1.1, 64 connections, 1 KiB", ["--h1", "-c64"], "/1k"),
    "h1-1m": ("H1", "HTTP/1.1, 64 connections, 1 MiB", ["--h1", "-c64"], "/1m"),
    "h2-1k": ("H2", "h2c to h2c, 8 connections of 8 streams, 1 KiB", ["-c8", "-m8"], "/1k"),
    "tcp-1m": ("TCP", "TCP, 64 connections, 1 MiB", ["--h1", "-c64"], "/1m"),
    "rate-500": ("H1", "HTTP/1.1, 500 requests/s, 1 KiB", 500, "/1k"),
    "rate-4000": ("H1", "HTTP/1.1, 4000 requests/s, 1 KiB", 4000, "/1k"),
}
EXTRAS = ["memory", "start", "propagation"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class FreePorts:
    """Ports of 127.0.0.1 for programs that are yet to start, a new one each time, as dev.mesh.api.local.FreePorts.

    None is of the range that the kernel gives connections and whoever binds port 0, for between the choice and its use
    others must not be given it; and each process looks in a place of its own.
    """

    FIRST, EACH = 16_000, 32

    def __init__(self):
        kernels_first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        self.count = max(0, kernels_first - self.FIRST)
        self.at = os.getpid() % (self.count // self.EACH) * self.EACH if self.count >= self.EACH else 0

    def next(self):
        for _ in range(self.count):
            port = self.FIRST + self.at % self.count
            self.at += 1
            with socket.socket() as tried:
                try:
                    tried.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        sys.exit(f"no free port from {self.FIRST} up to the kernel's own range (ip_local_port_range)")


PORTS = FreePorts()


def free_ports(count):
    return [PORTS.next() for _ in range(count)]


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Program:
    """A process and its children, on one core, ended with this one."""

    all = []

    def __init__(self, name, command, folder, core, environment=None, out="out"):
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / out
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", core, *map(str, command)], cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log if out == "out" else open(folder / "err", "ab"),
                env={**os.environ, **(environment or {})}, preexec_fn=die_with_parent)
        Program.all.append(self)

    def pids(self):
        own = str(self.process.pid)
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *children]

    def cpu(self):
        """Seconds of user and system time, of all threads."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK

    def resident(self):
        """MiB."""
        return sum(int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
                   for pid in self.pids()) / 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                for pid in reversed(self.pids()):
                    os.kill(int(pid), signal.SIGKILL)
                self.process.wait()
        if self in Program.all:
            Program.all.remove(self)

    def expect_alive(self):
        if self.process.poll() is not None:
            tail = "".join(file.read_text(errors="replace")[-2000:] for file in {self.log, self.log.parent / "err"}
                           if file.exists())
            raise SystemExit(f"bench: {self.name} ended with {self.process.returncode}:\n{tail}")


def get(port, path="/1k", protocol="HTTP/1.1"):
    """Whether one request is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            connection.sendall(f"GET {path} {protocol}\r\nhost: bench\r\nconnection: close\r\n\r\n".encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def listens(port):
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def wait_for(program, port):
    until = time.monotonic() + 30
    while not get(port):
        program.expect_alive()
        if time.monotonic() > until:
            raise SystemExit(f"bench: {program.name} did not answer within 30 s; see {program.log}")
        time.sleep(0.002)


class Kind:
    """A proxy that can be started any number of times."""

    def __init__(self, name, command, template, config, version, without=(), environment=None, out="out"):
        self.name, self.command, self.config, self.version = name, command, config, version
        self.template, self.without, self.environment, self.out = template, without, environment, out

    def start(self, folder, upstream, pilot=None):
        """With the port of a pilot, what reads a bootstrap subscribes there too."""
        h1, h2, tcp, admin = free_ports(4)
        ports = {"H1": h1, "H2": h2, "TCP": tcp, "ADMIN": admin, **upstream, "LOG": folder / "access.log",
                 "MODULES": PEERS and PEERS / "usr/lib/nginx/modules", "PILOT": pilot}
        folder.mkdir(parents=True, exist_ok=True)
        config = filled(self.template, ports)
        if pilot and self.template == "bootstrap.yaml":
            config += filled("bootstrap-ads.yaml", ports)
        (folder / self.config).write_text(config)
        program = Program(self.name, [part.replace("CONFIG", str(folder / self.config)).replace("FOLDER", str(folder))
                                      for part in self.command], folder, PROXY_CORE, self.environment, self.out)
        program.ports = ports
        return program


def filled(template, values):
    return re.sub(r"@([A-Z0-9_]+)@", lambda match: str(values[match[1]]), (HERE / template).read_text())


def peers():
    done = subprocess.run([ROOT / "scripts/peers"], capture_output=True, text=True)
    if done.returncode:
        say(done.stderr.strip())
        return None
    return Path(done.stdout.strip())


def kinds():
    found = []
    if (HOME / "bin/mesh-proxy").exists():
        found.append(Kind("mesh-proxy", [str(HOME / "bin/mesh-proxy"), "-c", "CONFIG", "--concurrency", "1"],
                          "bootstrap.yaml", "bootstrap.yaml", "of this tree"))
    else:
        raise SystemExit("bench: target/home has no mesh-proxy; run make build")
    envoy = subprocess.run([ROOT / "scripts/envoy"], capture_output=True, text=True)
    if envoy.returncode == 0:
        binary = envoy.stdout.strip()
        version = re.search(r"/(\d+\.\d+\.\d+)", lines(binary, "--version"))[1]
        found.append(Kind("envoy", [binary, "-c", "CONFIG", "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"],
                          "bootstrap.yaml", "bootstrap.yaml", version))
    else:
        say("bench: no Envoy, so there are no ratios: " + envoy.stderr.strip())
    if PEERS:
        haproxy = str(PEERS / "usr/sbin/haproxy")
        found.append(Kind("haproxy", [haproxy, "-db", "-f", "CONFIG"], "haproxy.cfg", "haproxy.cfg",
                          re.search(r"version (\S+?)-", run_peer(haproxy, "-v"))[1], environment=LIBRARIES, out="access.log"))
        nginx = str(PEERS / "usr/sbin/nginx")
        found.append(Kind("nginx", [nginx, "-p", "FOLDER", "-c", "CONFIG"], "nginx.conf", "nginx.conf",
                          re.search(r"nginx/(\S+)", run_peer(nginx, "-v"))[1], without={"h2-1k"}, environment=LIBRARIES))
    wanted = os.environ.get("PROXIES")
    return [kind for kind in found if not wanted or kind.name in wanted.split(",")]


def run_peer(*command):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **LIBRARIES})
    return done.stdout + done.stderr


def h2load(port, options, path, seconds=None, requests=None):
    """(requests that were answered with 2xx, requests that failed, requests per second)"""
    bound = ["-D", str(seconds)] if seconds else ["-n", str(requests)]
    done = subprocess.run(["taskset", "-c", LOAD_CORE, H2LOAD, *bound, *options, f"http://127.0.0.1:{port}{path}"],
                          capture_output=True, text=True, timeout=120, env={**os.environ, **LIBRARIES})
    text = done.stdout
    try:
        rate = float(re.search(r"finished in .*?, ([\d.]+) req/s", text)[1])
        ok = int(re.search(r"status codes: (\d+) 2xx", text)[1])
        counts = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", text)
        other = re.search(r"2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
        return ok, int(counts[1]) + sum(map(int, other.groups())), rate
    except TypeError:
        raise SystemExit("bench: h2load said:\n" + text + done.stderr) from None


def fixed_rate(port, path, rate, seconds):
    done = subprocess.run(["taskset", "-c", LOAD_CORE, JAVA, "-XX:+UseSerialGC", "-Xshare:auto", "-cp", CLASSES, "FixedRate",
                           str(port), path, str(rate), str(seconds), "64"], capture_output=True, text=True, timeout=120)
    try:
        sent, ok, failed, p50, p90, p99, p999, most = map(int, done.stdout.split())
    except ValueError:
        raise SystemExit("bench: FixedRate said:\n" + done.stdout + done.stderr) from None
    return sent, failed, {"p50": p50, "p99": p99}


def measure(piece, program, seconds):
    listener, _, how, path = PIECES[piece]
    port = program.ports[listener]
    before = program.cpu()
    if isinstance(how, int):
        done, failed, figures = fixed_rate(port, path, how, seconds)
    else:
        done, failed, rate = h2load(port, how, path, seconds=seconds)
        figures = {"rate": rate}
    program.expect_alive()
    if not done:
        raise SystemExit(f"bench: {program.name} answered nothing in {piece}; see {program.log}")
    figures["cpu"] = (program.cpu() - before) / done * 1000
    figures["failed"] = failed
    return figures


def rounds(pieces, proxies, work, upstream):
    """{piece: {proxy: [figures of each round]}}"""
    results = {}
    running = [(kind, kind.start(work / kind.name, upstream)) for kind in proxies]
    for kind, program in running:
        wait_for(program, program.ports["H1"])
    for piece in pieces:
        results[piece] = {kind.name: [] for kind, _ in running if piece not in kind.without}
        for number in range(ROUNDS + 1):
            for kind, program in running:
                if piece in kind.without:
                    continue
                # A first, uncounted round opens connections and lets the JVM compile what is hot.
                figures = measure(piece, program, SECONDS if number else min(SECONDS, 5))
                if number:
                    results[piece][kind.name].append(figures)
                say(f"{piece} round {number}: {kind.name} "
                    + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
                for log in (work / kind.name).glob("access.log"):
                    os.truncate(log, 0)
    for _, program in running:
        program.stop()
    return results


def bare_stack(work):
    """The libraries under mesh-proxy with its flags and an AOT cache of their own (BareStack.java)."""
    classes, jar, cache = work / "bare-stack", work / "bare-stack.jar", work / "bare-stack.aot"
    subprocess.run([JAVA + "c", "-cp", HOME / "lib/*", "-d", classes, HERE / "BareStack.java"], check=True)
    subprocess.run([str(Path(JAVA).with_name("jar")), "-cf", jar, "-C", classes, "."], check=True)
    jars = (HOME / "lib/mesh-proxy.classpath").read_text().split()
    class_path = ":".join([str(jar), *(str(HOME / "lib" / each) for each in jars if not each.startswith("mesh-"))])
    flags = re.search(r'exec "\$java" "\$cache" (.*?) \$\{MESH_JAVA_OPTIONS', (HOME / "bin/mesh-proxy").read_text())[1]

    def kind(option):
        return Kind("bare stack", [JAVA, option, *flags.split(), "-cp", class_path, "BareStack", "CONFIG"],
                    "bootstrap.yaml", "bootstrap.yaml", "", environment={"MALLOC_ARENA_MAX": "1"})
    return kind(f"-XX:AOTCacheOutput={cache}"), kind(f"-XX:AOTCache={cache}")


def memory(proxies, work, upstream):
    """{proxy: [(idle, at 64, at 2000 connections)]} in MiB, each of a fresh process with an ADS stream"""
    services = work / "services"
    services.mkdir()
    (services / "web.yaml").write_text(
        "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: bench}, spec: {ports: [{name: http, port: 80}]}}")
    pilot_port, pilot_http = free_ports(2)
    pilot = Program("pilot", [HOME / "bin/mesh-pilot", "--folder", services, "--xds-port", pilot_port, "--http-port",
                              pilot_http], work / "pilot", LOAD_CORE)
    until = time.monotonic() + 60
    while not listens(pilot_port):
        pilot.expect_alive()
        if time.monotonic() > until:
            raise SystemExit(f"bench: the pilot did not start within 60 s; see {pilot.log}")
        time.sleep(0.05)
    if any(kind.name == "mesh-proxy" for kind in proxies):
        trained, bare = bare_stack(work)
        program = trained.start(work / "bare-stack-training", upstream, pilot_port)
        wait_for(program, program.ports["H1"])
        h2load(program.ports["H1"], ["--h1", "-c64"], "/1k", requests=5000)
        program.stop()
        proxies = [*proxies, bare]
    results = {kind.name: [] for kind in proxies}
    for number in range(1 if QUICK else 3):
        for kind in proxies:
            program = kind.start(work / f"{kind.name}-memory-{number}".replace(" ", "-"), upstream, pilot_port)
            wait_for(program, program.ports["H1"])
            time.sleep(2)
            row = [program.resident()]
            for connections in (64, 2000):
                load = subprocess.Popen(
                    ["taskset", "-c", LOAD_CORE, H2LOAD, "--h1", f"-c{connections}", "-D5",
                     f"http://127.0.0.1:{program.ports['H1']}/1k"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **LIBRARIES},
                    preexec_fn=die_with_parent)
                most = 0
                while load.poll() is None:
                    program.expect_alive()
                    most = max(most, program.resident())
                    time.sleep(0.1)
                row.append(most)
            results[kind.name].append(row)
            say(f"memory: {kind.name} " + " / ".join(f"{value:.0f}" for value in row) + " MiB")
            program.stop()
    pilot.stop()
    return results


def starts(proxies, work, upstream):
    """{proxy: [ms to the first answer]}"""
    results = {kind.name: [] for kind in proxies}
    for number in range(3 if QUICK else 9):
        for kind in proxies:
            begin = time.monotonic()
            program = kind.start(work / f"{kind.name}-start-{number}", upstream)
            wait_for(program, program.ports["H1"])
            results[kind.name].append((time.monotonic() - begin) * 1000)
            program.stop()
    for name, values in results.items():
        say(f"start: {name} " + " ".join(f"{value:.0f}" for value in values) + " ms")
    return results


def propagation(work):
    """(proxies, edits, p50, p90, p99, most, missing, burst in µs, requests sent meanwhile, failed)"""
    edits, burst = (100, 100) if QUICK else (1000, 1000)
    shop = work / "shop"
    shutil.copytree(ROOT / "examples/shop", shop)
    edge_port, pilot_port = free_ports(2)
    edge = shop / "edge.yaml"
    edge.write_text(edge.read_text().replace("number: 8080", f"number: {edge_port}"))
    mesh = Program("meshctl up", [HOME / "bin/meshctl", "up", shop, "--xds-port", pilot_port, "--admin-port", 0],
                   work / "mesh", "0-1")
    load = None
    try:
        until = time.monotonic() + 60
        while not get(edge_port, "/products/mug"):
            mesh.expect_alive()
            if time.monotonic() > until:
                raise SystemExit(f"bench: the shop did not answer within 60 s; see {mesh.log}")
            time.sleep(0.05)
        subprocess.run([JAVA + "c", "-cp", HOME / "lib/*", "-d", CLASSES, HERE / "Propagation.java"], check=True)
        seconds = edits // 4 + 15
        load = subprocess.Popen([JAVA, "-XX:+UseSerialGC", "-cp", CLASSES, "FixedRate", str(edge_port), "/products/mug",
                                 "20", str(seconds), "8"], stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        done = subprocess.run([JAVA, "-XX:+UseSerialGC", "-cp", f"{CLASSES}:{HOME}/lib/*", "Propagation", str(pilot_port),
                               str(shop / "reviews.yaml"), str(edits), "250", str(burst)],
                              capture_output=True, text=True, timeout=seconds + 120)
        if done.returncode:
            raise SystemExit("bench: Propagation said:\n" + done.stdout + done.stderr)
        out, _ = load.communicate(timeout=60)
        sent, _, failed = map(int, out.split()[:3])
        return [*map(int, done.stdout.split()), sent, failed]
    finally:
        if load and load.poll() is None:
            load.kill()
        mesh.stop()


def print_propagation(row):
    proxies, edits, p50, p90, p99, most, missing, burst, sent, failed = row
    table(["proxies", "edits, 250 ms apart", "p50 ms", "p90 ms", "p99 ms", "most ms", "not in effect in 10 s",
           "burst of as many: in effect after ms", "requests meanwhile", "failed"],
          [[str(proxies), str(edits), *(f"{value / 1000:.0f}" for value in (p50, p90, p99, most)), str(missing),
            f"{burst / 1000:.0f}", str(sent), str(failed)]])


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def middle(values, form):
    return form.format(statistics.median(values))


def ratio(own, base, name):
    """The median of the rounds' ratios to Envoy, with the least and the most."""
    if not base:
        return ""
    ratios = [a[name] / b[name] for a, b in zip(own, base) if b[name]]
    if not ratios:
        return ""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def print_rounds(results):
    rows = []
    for piece, by_proxy in results.items():
        envoy = by_proxy.get("envoy")
        for name, values in by_proxy.items():
            rated = "rate" in values[0]
            rows.append([
                PIECES[piece][1], name,
                middle([each["cpu"] for each in values], "{:.3f}"), ratio(values, envoy, "cpu"),
                middle([each["rate"] for each in values], "{:.0f}") if rated else "",
                ratio(values, envoy, "rate") if rated else "",
                "" if rated else middle([each["p50"] for each in values], "{:.0f}"),
                "" if rated else middle([each["p99"] for each in values], "{:.0f}"),
                "" if rated else ratio(values, envoy, "p99"),
                str(sum(each["failed"] for each in values))])
    table(["work", "proxy", "CPU s per 1000", "to Envoy (least-most)", "requests/s", "to Envoy (least-most)",
           "p50 µs", "p99 µs", "p99 to Envoy (least-most)", "failed"], rows)


def facts(proxies):
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    total = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) // 1024 // 1024
    print(f"{os.cpu_count()} cores ({cpu[1] if cpu else os.uname().machine}), {total} GiB, Linux {os.uname().release}, "
          f"load average {os.getloadavg()[0]:.1f} at the start; "
          + ", ".join(f"{kind.name} {kind.version}" for kind in proxies)
          + f"; {ROUNDS} rounds of {SECONDS} s.\n", flush=True)


def main():
    global PEERS, LIBRARIES, H2LOAD, JAVA, CLASSES
    if os.cpu_count() < 2:
        raise SystemExit("bench: two cores are needed, one for the proxies and one for the load")
    only = [piece for piece in os.environ.get("ONLY", "").split(",") if piece] or [*PIECES, *EXTRAS]
    unknown = [piece for piece in only if piece not in PIECES and piece not in EXTRAS]
    if unknown:
        raise SystemExit(f"bench: ONLY={','.join(unknown)} (expected: {', '.join([*PIECES, *EXTRAS])})")
    PEERS = peers()
    LIBRARIES = {"LD_LIBRARY_PATH": str(PEERS / "usr/lib/x86_64-linux-gnu")} if PEERS else {}
    if not PEERS:
        raise SystemExit("bench: nginx is the upstream and h2load the load, so nothing can be measured without them")
    H2LOAD = str(PEERS / "usr/bin/h2load")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if 0 <= hard < 17000:
        raise SystemExit(f"bench: {hard} open files are allowed; 17000 are needed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = Path(tempfile.mkdtemp(prefix="mesh-bench-"))
    try:
        JAVA = lines(str(ROOT / "scripts/jdk")) + "/bin/java"
        CLASSES = str(work / "classes")
        subprocess.run([JAVA + "c", "-d", CLASSES, HERE / "FixedRate.java"], check=True)
        proxies = kinds()
        facts(proxies)
        up_h1, up_h2 = free_ports(2)
        upstream = {"UP_H1": up_h1, "UP_H2": up_h2}
        folder = work / "upstream"
        (folder / "files").mkdir(parents=True)
        (folder / "files/1k").write_bytes(b"x" * 1024)
        (folder / "files/1m").write_bytes(b"x" * 1024 * 1024)
        (folder / "nginx.conf").write_text(filled("upstream.conf", upstream))
        server = Program("upstream", [PEERS / "usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf"], folder,
                         LOAD_CORE, LIBRARIES)
        wait_for(server, up_h1)
        pieces = [piece for piece in PIECES if piece in only]
        if pieces:
            print_rounds(rounds(pieces, proxies, work, upstream))
        if "start" in only:
            results = starts(proxies, work, upstream)
            table(["proxy", "start to first answer, ms: median (least-most)"],
                  [[name, f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"]
                   for name, values in results.items()])
        if "memory" in only:
            results = memory(proxies, work, upstream)
            table(["proxy", "resident MiB: idle / 64 / 2000 connections"],
                  [[name, " / ".join(f"{statistics.median(column):.0f}" for column in zip(*values))]
                   for name, values in results.items()])
        server.stop()
        if "propagation" in only:
            print_propagation(propagation(work))
    finally:
        for program in list(Program.all):
            program.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
