"""A machine with one fault, for a Python program that has this folder on its PYTHONPATH.

`MACHINE_FAULT` says which: the name of a function below, and after a colon its number.
`MACHINE_FAULT_IN` is a word of the command line of the program that meets it; what that starts
is spared. Each fault stands in for the operating system, below all that a program does itself.
"""

import errno
import io
import os
import select
import socket
import sys
import threading
import time


def disk_with_room(size):
    """In the folder `downloads`, and for a journal, a file may have `size` bytes; then it is full.

    What fitted of a piece that is too long was written, as by a real disk.
    """
    really_open = io.open

    class File(io.FileIO):
        def write(self, data):
            room = max(0, size - self.tell())
            if not room and len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.name)
            return super().write(bytes(data)[:room])

    def full_open(file, mode="r", buffering=-1, *more, **named):
        if mode == "wb" and ("downloads" in str(file) or "journal" in str(file)):
            return File(file, "w") if buffering == 0 else io.BufferedWriter(File(file, "w"))
        return really_open(file, mode, buffering, *more, **named)

    io.open = full_open


def threads(number):
    """So many threads can be started, and no more."""
    name = "_start_joinable_thread"  # from Python 3.13
    if not hasattr(threading, name):
        name = "_start_new_thread"
    really_start = getattr(threading, name)
    left = [None] * number

    def start(*arguments, **named):
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        return really_start(*arguments, **named)

    setattr(threading, name, start)


def no_dns(_):
    """No name can be looked up; numbers are none."""
    really_look_up = socket.getaddrinfo

    def getaddrinfo(host, *more, **named):
        if host and any(letter not in "0123456789abcdef.:" for letter in host):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return really_look_up(host, *more, **named)

    socket.getaddrinfo = getaddrinfo


def no_ipv6(has_sockets):
    """There are no sockets of IPv6, or there are but no address to use them with."""

    class Socket(socket.socket):
        def __init__(self, family=-1, *more, **named):
            if family == socket.AF_INET6 and not has_sockets:
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            super().__init__(family, *more, **named)

        def no_address(self, *_):
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

        def bind(self, address):
            self.no_address() if self.family == socket.AF_INET6 else super().bind(address)

        def connect(self, address):
            self.no_address() if self.family == socket.AF_INET6 else super().connect(address)

    socket.has_ipv6 = False
    socket.socket = Socket


def clock(step):
    """The clock is put `step` seconds forward, or back, before each look at it."""
    really_time = time.time
    looks = []

    def jumping():
        looks.append(None)
        return really_time() + step * len(looks)

    time.time = jumping


def no_room_to_accept(number):
    """The first `number` times that a connection is there to accept, no descriptor is."""
    really_accept = socket.socket.accept
    left = [None] * number

    def accept(self):
        if left and select.select([self], [], [], 0)[0]:
            left.pop()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return really_accept(self)

    socket.socket.accept = accept


name, _, number = os.environ.get("MACHINE_FAULT", "").partition(":")
if name and os.environ["MACHINE_FAULT_IN"] in " ".join(sys.orig_argv):
    globals()[name](int(number or 0))
