"""Bind a socket to listen on; what stands in the way is an error with a mend.

- A socket is bound before anything else is done, so that nothing runs in vain.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

from gitreg.errors import GitregError

BACKLOG: Final = 2048
_MENDS: Final = {
    errno.EADDRINUSE: "end what listens there, or choose another port ({any_port} picks a free one)",
    errno.EACCES: "choose a port above 1023, or run it as a user that may listen there",
    errno.EADDRNOTAVAIL: "name an address of this machine with {option}; 0.0.0.0 means all of them",
}


def listen(host: str, port: int, *, option: str = "--host", any_port: str = "--port 0") -> socket.socket:
    """Bind a socket and listen; a port that is taken is an error, whose mend names the options it comes from."""
    try:
        return _bound(host, port)
    except OSError as error:
        raise _cannot_listen(host, port, error, option, any_port) from error


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def url_of(listener: socket.socket) -> str:
    """Give the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _cannot_listen(host: str, port: int, error: OSError, option: str, any_port: str) -> GitregError:
    if isinstance(error, socket.gaierror):
        return GitregError(
            f"the host {host!r} is not known",
            got=error.strerror,
            mend=f"name an address of this machine with {option}",
        )
    in_use = error.errno == errno.EADDRINUSE
    mend = _MENDS.get(error.errno or 0, "choose another address with {option}, or another port")
    return GitregError(
        f"port {port} on {host} is in use" if in_use else f"cannot listen on port {port} of {host}",
        got=error.strerror or str(error),
        mend=mend.format(option=option, any_port=any_port),
    )
