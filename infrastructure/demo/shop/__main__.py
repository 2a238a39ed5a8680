"""Runs the shop: `python -m perdure.infrastructure.demo.shop --books FILE`, `--help` for more.

Prints one line of JSON when it answers, `{"port": 40123}`, and nothing else on stdout. Ends on
SIGTERM or SIGINT and, with --until-stdin-closes, with the process that started it, however that one
died.
"""

import argparse
import json
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from perdure.infrastructure.demo.shop.app import shop_app
from perdure.infrastructure.demo.shop.books import open_books


class ShopServer(uvicorn.Server):
    """A server that says on stdout where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts serving, then prints the ready line."""
        await super().startup(sockets)
        for listening in sockets or []:
            sys.stdout.write(json.dumps({"port": listening.getsockname()[1]}) + "\n")
            sys.stdout.flush()


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The command line of the shop."""
    parser = argparse.ArgumentParser(
        prog="shop", description="A small shop that misbehaves by seed."
    )
    parser.add_argument(
        "--books", type=Path, required=True, help="SQLite file to keep the books in"
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: any free one")
    parser.add_argument("--seed", type=int, default=1, help="decides orders and misbehaviour")
    parser.add_argument("--orders", type=int, default=200, help="how many orders the day has")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end when the starting process does"
    )
    return parser.parse_args(arguments)


def stop_when_stdin_closes(server: uvicorn.Server) -> None:
    """Watches for the end of the process that holds the other end of our stdin."""

    def watch() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: list[str]) -> None:
    """Serves until told to stop."""
    options = parsed(arguments)
    with (
        socket.create_server(("127.0.0.1", options.port), backlog=1024) as listening,
        open_books(options.books, seed=options.seed, orders=options.orders) as books,
    ):
        config = uvicorn.Config(
            shop_app(books, options.seed),
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        server = ShopServer(config)
        if options.until_stdin_closes:
            stop_when_stdin_closes(server)
        server.run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1:])
