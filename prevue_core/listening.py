"""Where a server listens, and whether others than this machine's own programs reach it there."""

import ipaddress
import socket
from collections.abc import Iterable


def bind(host: str, port: int) -> list[socket.socket]:
    """Return a socket for each address that `host` stands for, all on one port (0: a free one); not yet listening.

    Raises OSError where one cannot be had.
    """
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            made = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((address[0], sockets[0].getsockname()[1] if len(sockets) > 1 else port, *address[2:]))
            made.setblocking(False)
    except OSError:
        for made in sockets:
            made.close()
        raise
    return sockets


def is_on_network(sockets: Iterable[socket.socket]) -> bool:
    """Return whether any of `sockets` can be reached from elsewhere: by what was bound, whatever it was called."""
    return not all(ipaddress.ip_address(one.getsockname()[0].partition("%")[0]).is_loopback for one in sockets)
