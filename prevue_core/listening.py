"""Where a server listens, under which names it is asked, and whether others than this machine's programs reach it."""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit


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


def answers_to(host: str, allowed: frozenset[str]) -> bool:
    """Return whether a request for `host` (a name or an address, with or without a port) is meant for this server.

    A web page can make its own host name point to this machine and then reach it from the user's browser (DNS
    rebinding); such requests carry the page's name as Host. Numbers and `localhost` cannot be taken over so.
    """
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and (name in {"localhost", *map(str.lower, allowed)} or _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
