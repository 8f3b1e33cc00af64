"""HAProxy before several backends and dashboards, as an ingress stands before Pods."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving import PATIENCE_S

# Reads are asked again where a server went away; writes are not: that is the client's to do. Who has a dashboard's
# cookie comes back to the same dashboard while it lives.
CONFIGURATION = """
global
    maxconn 500
defaults
    mode http
    option forwardfor
    option redispatch 1
    retries 5
    timeout connect 1s
    timeout check 10s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    default-server inter 100ms fastinter 100ms downinter 100ms fall 1 rise 1 check
frontend api
    bind 127.0.0.1:{api}
    http-request disable-l7-retry unless METH_GET
    default_backend backends
backend backends
    retry-on conn-failure empty-response response-timeout 503
    option httpchk GET /readyz
{backends}
frontend pages
    bind 127.0.0.1:{pages}
    default_backend dashboards
backend dashboards
    retry-on conn-failure empty-response
    option httpchk GET /readyz
    cookie sticky insert indirect nocache httponly
{dashboards}
"""


@contextmanager
def proxy(folder: Path, api: int, pages: int, backends: list[int], dashboards: list[int]) -> Iterator[None]:
    """Run the proxy on ports `api` and `pages` before the ports of the servers."""
    servers = {
        "backends": "".join(f"    server b{port} 127.0.0.1:{port}\n" for port in backends),
        "dashboards": "".join(f"    server d{port} 127.0.0.1:{port} cookie d{port}\n" for port in dashboards),
    }
    file = folder / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(api=api, pages=pages, **servers))
    binary = shutil.which("haproxy") or "/usr/sbin/haproxy"
    with subprocess.Popen([binary, "-db", "-f", str(file)]) as process:
        try:
            _wait_for(api)
            yield
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return
