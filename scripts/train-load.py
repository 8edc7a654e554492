#!/usr/bin/env python3
"""train-load HTTP_PORT TCP_PORT: what a proxy that is trained is asked (scripts/train): some thousand requests, bounded."""

import http.client
import sys
import time

HTTP, TCP = int(sys.argv[1]), int(sys.argv[2])
UNTIL = time.monotonic() + 20


def ask(connection, method, path, body=None, headers=()):
    connection.request(method, path, body, dict(headers))
    return connection.getresponse().read()


connections = [http.client.HTTPConnection("127.0.0.1", HTTP, timeout=10) for _ in range(8)]
for turn in range(1500):
    if time.monotonic() > UNTIL:
        break
    connection = connections[turn % len(connections)]
    ask(connection, "GET", "/h1/page?turn=" + str(turn), headers={"user-agent": "train", "accept": "*/*"})
    ask(connection, "GET", "/h2/page", headers={"x-user": "jason"})
    ask(connection, "GET", "/h2/other")
    if turn % 10 == 0:
        ask(connection, "POST", "/h1/upload", b"x" * 20000)
        ask(connection, "POST", "/h2/upload", b"x" * 20000)
        ask(connection, "GET", "/go")
        ask(connection, "GET", "/nothing")
        through = http.client.HTTPConnection("127.0.0.1", TCP, timeout=10)
        ask(through, "GET", "/")
        through.close()
    if turn % 100 == 0:
        ask(connection, "GET", "/dead")
