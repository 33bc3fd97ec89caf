#!/usr/bin/env python3
"""A free port of 127.0.0.1 for a server that must be told its port: prints one.

It lies below those that the kernel gives to clients and to listeners on port 0, so nobody is handed
it between here and the server's own bind, nor while the server is started again.
"""

import random
import socket

LOWEST = 10_000
TRIES = 1000


def first_ephemeral():
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        return int(file.read().split()[0])


def free_port():
    for _ in range(TRIES):
        # Not one after the other: programs that look at the same moment must not find the same.
        port = random.randrange(LOWEST, max(first_ephemeral(), LOWEST + TRIES))
        with socket.socket() as probe:
            # As servers bind: a connection that only just ended does not keep a port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise SystemExit(f"no free port of 127.0.0.1 in {TRIES} tries")


if __name__ == "__main__":
    print(free_port())
