"""A pooler as pgbouncer is: clients by the dozen, few connections to the server, lent to them.

In transaction mode a connection goes back as soon as the server says that no transaction is open;
in session mode when the client leaves. It speaks as much of the protocol as psycopg needs without
pipelines: a request is what ends with Query or Sync, its answer ends with ReadyForQuery.
"""

import socket
import struct
import threading
from collections import deque
from contextlib import suppress
from typing import Literal
from urllib.parse import urlsplit

import psycopg

HOST = "127.0.0.1"
NO_ENCRYPTION = (80877103, 80877104)  # asked for by SSLRequest and GSSENCRequest
TOLD = ("server_version", "client_encoding", "standard_conforming_strings", "integer_datetimes")
ENDS_REQUEST, ENDS_SESSION, READY = b"QS", b"X", b"Z"
PATIENCE_SECONDS = 10

Mode = Literal["transaction", "session"]


class Wire:
    """A socket, message by message."""

    def __init__(self, there: socket.socket) -> None:
        there.setblocking(True)
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = there
        self._stream = there.makefile("rb")

    def read(self) -> tuple[bytes, bytes]:
        """A message: its kind, which is empty when the other side is gone, and all of it."""
        head = self._stream.read(5)
        if len(head) < 5:
            return b"", b""
        (length,) = struct.unpack("!I", head[1:])
        return head[:1], head + self._stream.read(length - 4)

    def read_startup(self) -> int:
        """What a client wants to begin with; 0 when it is gone."""
        head = self._stream.read(8)
        if len(head) < 8:
            return 0
        length, wanted = struct.unpack("!II", head)
        self._stream.read(length - 8)
        return int(wanted)

    def send(self, message: bytes) -> None:
        self._socket.sendall(message)

    def end(self) -> None:
        """Whoever reads from it reads no more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


class Pooler:
    """`with Pooler(postgres.url, "transaction", size=2) as pooler:` and then `pooler.url`.

    It lends what came back last, or else what came back first (`takes_turns`).
    """

    def __init__(self, url: str, mode: Mode, size: int, *, takes_turns: bool = False) -> None:
        self._address = urlsplit(url)
        self._mode = mode
        self._takes_turns = takes_turns
        self._connections = [psycopg.connect(url, sslmode="disable") for _ in range(size)]
        known = self._connections[0].pgconn
        self._greeting = message(b"R", struct.pack("!I", 0))
        for name in TOLD:
            value = known.parameter_status(name.encode()) or b""
            self._greeting += message(b"S", name.encode() + b"\0" + value + b"\0")
        self._greeting += message(b"K", struct.pack("!II", 1, 1)) + message(READY, b"I")
        self._free = deque(
            Wire(socket.socket(fileno=socket.dup(each.fileno()))) for each in self._connections
        )
        self._servers = list(self._free)
        self._came_back = threading.Condition()
        self._clients: list[Wire] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._listener = socket.create_server((HOST, 0))

    @property
    def url(self) -> str:
        login = self._address.netloc.rpartition("@")[0]
        port = self._listener.getsockname()[1]
        return self._address._replace(netloc=f"{login}@{HOST}:{port}").geturl()

    def __enter__(self) -> "Pooler":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(PATIENCE_SECONDS)
        self._listener.close()
        wires = (*self._clients, *self._servers)
        for wire in wires:
            wire.end()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        for wire in wires:
            wire.close()
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client = Wire(self._listener.accept()[0])
                self._clients.append(client)
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: Wire) -> None:
        with suppress(OSError):
            while (wanted := client.read_startup()) in NO_ENCRYPTION:
                client.send(b"N")
            if wanted:
                client.send(self._greeting)
                self._lend(client)
        client.end()

    def _lend(self, client: Wire) -> None:
        server: Wire | None = None
        request = b""
        while (told := client.read())[0] not in (b"", ENDS_SESSION):
            request += told[1]
            if told[0] not in ENDS_REQUEST:
                continue
            server = server or self._borrow()
            server.send(request)
            request = b""
            ready = answer(server, client)
            if ready.endswith(b"I") and self._mode == "transaction":
                # Before the client hears of it: pgbouncer handles nobody in between either.
                self._give_back(server)
                server = None
            client.send(ready)
        if server is not None:
            if self._mode == "session":
                server.send(message(b"Q", b"DISCARD ALL\0"))
                while server.read()[0] not in (b"", READY):
                    pass
            self._give_back(server)

    def _borrow(self) -> Wire:
        with self._came_back:
            if not self._came_back.wait_for(lambda: self._free, PATIENCE_SECONDS):
                raise OSError("all connections to the server are lent")
            return self._free.popleft()

    def _give_back(self, server: Wire) -> None:
        with self._came_back:
            if self._takes_turns:
                self._free.append(server)
            else:
                self._free.appendleft(server)
            self._came_back.notify()


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def answer(server: Wire, client: Wire) -> bytes:
    """Passes it on, but for its end, which tells whether a transaction is open then."""
    while True:
        kind, told = server.read()
        if kind == READY:
            return told
        if not kind:
            raise OSError("the server is gone")
        client.send(told)
