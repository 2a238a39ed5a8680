"""What a body's loop refuses: sockets, threads, processes, signals. Activities are for those.

One line for each method of asyncio's loops; a test compares the list with every Python's.
"""

import asyncio
from typing import Any, NoReturn

from perdure.domain.errors import ForbiddenInBody


def _refused(name: str) -> Any:
    def refuse(*_: object, **__: Any) -> NoReturn:
        raise ForbiddenInBody(f"loop.{name}()")

    return refuse


def refuse_in_body(what: str) -> None:
    """ForbiddenInBody where a body runs: nothing of it would be recorded."""
    if isinstance(asyncio._get_running_loop(), NoOutsideWorld):
        raise ForbiddenInBody(what)


class NoOutsideWorld(asyncio.AbstractEventLoop):
    """A loop without an outside world."""

    add_reader = _refused("add_reader")
    add_signal_handler = _refused("add_signal_handler")
    add_writer = _refused("add_writer")
    call_soon_threadsafe = _refused("call_soon_threadsafe")
    close = _refused("close")
    connect_accepted_socket = _refused("connect_accepted_socket")
    connect_read_pipe = _refused("connect_read_pipe")
    connect_write_pipe = _refused("connect_write_pipe")
    create_connection = _refused("create_connection")
    create_datagram_endpoint = _refused("create_datagram_endpoint")
    create_server = _refused("create_server")
    create_unix_connection = _refused("create_unix_connection")
    create_unix_server = _refused("create_unix_server")
    default_exception_handler = _refused("default_exception_handler")
    get_exception_handler = _refused("get_exception_handler")
    getaddrinfo = _refused("getaddrinfo")
    getnameinfo = _refused("getnameinfo")
    remove_reader = _refused("remove_reader")
    remove_signal_handler = _refused("remove_signal_handler")
    remove_writer = _refused("remove_writer")
    run_forever = _refused("run_forever")
    run_in_executor = _refused("run_in_executor")
    run_until_complete = _refused("run_until_complete")
    sendfile = _refused("sendfile")
    set_debug = _refused("set_debug")
    set_default_executor = _refused("set_default_executor")
    set_exception_handler = _refused("set_exception_handler")
    set_task_factory = _refused("set_task_factory")
    shutdown_asyncgens = _refused("shutdown_asyncgens")
    shutdown_default_executor = _refused("shutdown_default_executor")
    sock_accept = _refused("sock_accept")
    sock_connect = _refused("sock_connect")
    sock_recv = _refused("sock_recv")
    sock_recv_into = _refused("sock_recv_into")
    sock_recvfrom = _refused("sock_recvfrom")
    sock_recvfrom_into = _refused("sock_recvfrom_into")
    sock_sendall = _refused("sock_sendall")
    sock_sendfile = _refused("sock_sendfile")
    sock_sendto = _refused("sock_sendto")
    start_tls = _refused("start_tls")
    stop = _refused("stop")
    subprocess_exec = _refused("subprocess_exec")
    subprocess_shell = _refused("subprocess_shell")

    # What asyncio asks of any loop, and is always the same here.

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_task_factory(self) -> None:
        return None
