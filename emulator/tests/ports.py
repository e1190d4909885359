"""Ports for what a test or a benchmark starts."""

import random
import socket
from contextlib import ExitStack

# Below those from which the system takes a connection's own end (32768 to 60999, ip(7)): between the
# question and the answer no connection of the many that tests open can sit down on it.
FIRST, LAST = 12_000, 32_700


def free_port(*, behind: int = 0) -> int:
    """A port of 127.0.0.1 on which nothing listens; so many `behind` it are free as well."""
    while True:
        port = random.randrange(FIRST, LAST - behind)  # noqa: S311  # no secret
        with ExitStack() as probes:
            try:
                for one in range(port, port + behind + 1):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", one))
            except OSError:
                continue
        return port
