"""Sockets to listen on: which addresses a host means, and what to say of a port in use."""

import errno
import os
import socket
import sys

if sys.platform == "linux":
    import fcntl
    import termios

BACKLOG = 4096
"""Connections that the operating system may hold before they are accepted."""


class PortInUseError(OSError):
    """A port that cannot be bound; the text says which, and what to do."""


class Listener:
    """One address and port, which we keep until `close`: `socket` listens there, or refuses.

    Raises OSError if it cannot be bound.
    """

    def __init__(self, family: socket.AddressFamily, address: str, port: int) -> None:
        # A socket can stop listening only by closing. On Linux a second socket, which never
        # listens, keeps the port meanwhile; elsewhere no two can be bound to one.
        self._keeper = _bound(family, address, port) if sys.platform == "linux" else None
        self._where = family, address, self._keeper.getsockname()[1] if self._keeper else port
        try:
            self.socket = _bound(*self._where)
            self.socket.listen(BACKLOG)
        except BaseException:
            self.close()
            raise
        self._where = family, address, self.port

    @property
    def port(self) -> int:
        """The port really bound."""
        number: int = self.socket.getsockname()[1]
        return number

    def refuse(self) -> None:
        """Listen no longer; no other program may either. Accepting here must have stopped."""
        self.socket.close()
        if self._keeper is None:
            self.socket = _bound(*self._where)
        _set_reuse(self._keeper or self.socket, False)

    def listen(self) -> None:
        """Listen again."""
        if self._keeper is None:
            _set_reuse(self.socket, True)
        else:
            _set_reuse(self._keeper, True)
            self.socket = _bound(*self._where)
        self.socket.listen(BACKLOG)

    def close(self) -> None:
        """Give the port back."""
        for sock in (getattr(self, "socket", None), self._keeper):
            if sock is not None:
                sock.close()


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        _set_reuse(sock, True)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def bind(host: str, port: int) -> list[Listener]:
    """What listens on `host` at one port, which is free to choose when 0.

    `localhost` is 127.0.0.1, and ::1 where there is one. Raises PortInUseError.
    """
    for _ in range(20):
        listeners: list[Listener] = []
        try:
            for family, address in _addresses(host):
                wanted = port or (listeners[0].port if listeners else 0)
                try:
                    listeners.append(Listener(family, address, wanted))
                except OSError as exc:
                    # No IPv6 here is no fault, as long as there is IPv4.
                    if not (listeners and exc.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)):
                        raise
            return listeners
        except OSError as exc:
            for listener in listeners:
                listener.close()
            if exc.errno == errno.EADDRINUSE and port == 0:
                continue
            if exc.errno == errno.EADDRINUSE:
                raise PortInUseError(
                    f"port {port} is in use: stop what listens there, "
                    "or choose other ports with --ports A,B,C or --ports auto"
                ) from None
            if exc.errno in (errno.EACCES, errno.EPERM):
                raise PortInUseError(
                    f"port {port} may not be used by this user: choose other ports "
                    "with --ports A,B,C or --ports auto"
                ) from None
            raise OSError(f"cannot listen on {host}: {exc.strerror or exc}") from None
    raise PortInUseError(f"no port is free on {host}")


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError:
        raise OSError(errno.EINVAL, "not a host name") from None
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def unsent(file: int) -> int:
    """Bytes given to a socket that the other side has not acknowledged; 0 where it is unknown."""
    if sys.platform != "linux":
        return 0
    answer = fcntl.ioctl(file, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


def _set_reuse(sock: socket.socket, on: bool) -> None:
    """Allow, or forbid, binding a port while connections of an earlier server still end."""
    if os.name == "posix":  # elsewhere it means that several may listen at one port
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, on)
