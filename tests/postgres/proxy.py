"""A way to the server on which everything can go wrong that does on a network.

A Proxy stands on a port of its own and passes on what it is given, in a thread: tests may wait in
its way, by sync or async connections. It reads of the protocol only where the answers to one
request end. What goes wrong in the server itself is played by `server.py`.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

HOST = "127.0.0.1"
CHUNK = 65_536
READY = b"Z\x00\x00\x00\x05"  # and one byte more: the server has done with a request
ORDER_SECONDS = 10
T = TypeVar("T")


class Link:
    """A client's connection, and the one to the server that is made for it."""

    def __init__(self, client: "Side", server: "Side") -> None:
        self.client = client
        self.server = server
        self.loses_reply = False
        self.has_lost = False

    def abort(self) -> None:
        self.client.abort()
        self.server.abort()


class Side:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._before = b""

    async def chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self._reader.read(CHUNK):
            yield chunk
            self._before = (self._before + chunk)[-CHUNK:]

    def has(self, text: bytes, chunk: bytes) -> bool:
        """Whether it ends in this chunk; it may have begun before."""
        begun = max(0, len(self._before) - len(text) + 1)
        return text in self._before[begun:] + chunk

    def has_answered(self, chunk: bytes) -> bool:
        return (self._before[-len(READY) :] + chunk)[-len(READY) - 1 : -1] == READY

    async def send(self, chunk: bytes) -> None:
        self._writer.write(chunk)
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """By a reset, so that the other end learns of it at once."""
        wire: socket.socket | None = self._writer.get_extra_info("socket")
        if wire is not None and wire.fileno() >= 0:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class Proxy:
    """`with Proxy(postgres.url) as proxy:` and then `proxy.url`, which leads to the same database.

    `lost` is set when the first message was lost by `swallow_replies`, `lose_request` or
    `lose_reply`; a test waits for it.
    """

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self.port = 0
        self.lost = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="proxy")
        self._started = threading.Event()
        self._links: set[Link] = set()
        self._handlers: set[asyncio.Task[Any]] = set()
        self._sides: list[Side] = []
        self._wires: list[socket.socket] = []
        self._listens = False
        self._swallows = False
        self._lost_request: bytes | None = None
        self._lost_reply: bytes | None = None
        self._delay_seconds = 0.0

    def __enter__(self) -> "Proxy":
        self._thread.start()
        if not self._started.wait(ORDER_SECONDS):
            raise TimeoutError("the proxy does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(ORDER_SECONDS)

    @property
    def url(self) -> str:
        login = self._address.netloc.rpartition("@")[0]
        return self._address._replace(netloc=f"{login}@{HOST}:{self.port}").geturl()

    def cut(self) -> None:
        """Resets every connection; new ones may be made."""
        self._order(self._cut())

    def refuse(self) -> None:
        """Nobody listens for new connections; those that are there go on."""
        self._order(self._refuse())

    def silence(self) -> None:
        """Nothing passes, in either direction, until `heal`; then all of it does."""
        self._loop.call_soon_threadsafe(self._passes.clear)

    def swallow_replies(self) -> None:
        """The server is heard, and answers into the void. `heal` cuts whom that befell."""
        self._swallows = True

    def swallows_no_more(self) -> None:
        """New connections are answered; those that lost something stay as they are, and deaf."""
        self._swallows = False

    def lose_request(self, text: bytes) -> None:
        """Cuts the connection on which this is sent next, before the server has it."""
        self._lost_request = text

    def lose_reply(self, text: bytes) -> None:
        """Cuts the connection on which this is sent next, when the server has answered.

        `lose_reply(b"COMMIT")`: what is committed stays, and the client never learns of it.
        """
        self._lost_reply = text

    def delay(self, seconds: float) -> None:
        """Every message takes so much longer, each way."""
        self._delay_seconds = seconds

    def heal(self) -> None:
        """Everything passes again, at once; `lost` is forgotten."""
        self._swallows, self._lost_request, self._lost_reply = False, None, None
        self._delay_seconds = 0.0
        self._order(self._heal())
        self.lost.clear()

    def _order(self, order: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(order, self._loop).result(ORDER_SECONDS)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._done, self._passes = asyncio.Event(), asyncio.Event()
        self._passes.set()
        await self._listen()
        self._started.set()
        await self._done.wait()
        await self._refuse()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        for side in self._sides:
            side.abort()
        await asyncio.sleep(0)  # for the transports to close
        for wire in self._wires:
            wire.close()

    async def _listen(self) -> None:
        self._listener = socket.create_server((HOST, self.port))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._loop.add_reader(self._listener, self._accept)
        self._listens = True

    def _accept(self) -> None:
        """In one go: what was accepted and not yet taken would be lost by a refusal."""
        with suppress(BlockingIOError):
            wire, _ = self._listener.accept()
            wire.setblocking(False)
            self._wires.append(wire)
            self._handlers.add(self._loop.create_task(self._connected(wire)))

    async def _refuse(self) -> None:
        if self._listens:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listens = False

    async def _cut(self) -> None:
        for link in self._links:
            link.abort()
        await asyncio.sleep(0)  # for the transports to close

    async def _heal(self) -> None:
        for link in self._links:
            if link.has_lost:
                link.abort()
        self._passes.set()
        if not self._listens:
            await self._listen()

    async def _connected(self, wire: socket.socket) -> None:
        client = Side(*await asyncio.open_connection(sock=wire))
        self._sides.append(client)
        try:
            there = await asyncio.open_connection(self._address.hostname, self._address.port)
        except OSError:
            client.abort()
            return
        link = Link(client, Side(*there))
        self._links.add(link)
        self._sides.append(link.server)
        ways = [asyncio.ensure_future(way) for way in (self._requests(link), self._replies(link))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._links.discard(link)
            link.client.close()
            link.server.close()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _requests(self, link: Link) -> None:
        async for chunk in link.client.chunks():
            await self._passage()
            if self._lost_request and link.client.has(self._lost_request, chunk):
                self._lost_request = None
                self._lose(link)
                return
            if self._lost_reply and link.client.has(self._lost_reply, chunk):
                self._lost_reply = None
                link.loses_reply = True
            await link.server.send(chunk)

    async def _replies(self, link: Link) -> None:
        async for chunk in link.server.chunks():
            await self._passage()
            if link.loses_reply:
                if link.server.has_answered(chunk):
                    self._lose(link)
                    return
            elif self._swallows or link.has_lost:  # after a gap nothing would make sense
                link.has_lost = True
                self.lost.set()
            else:
                await link.client.send(chunk)

    async def _passage(self) -> None:
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        await self._passes.wait()

    def _lose(self, link: Link) -> None:
        link.abort()
        self.lost.set()
