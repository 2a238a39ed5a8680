"""What bodies and activities log, once; and what the watchdog tells of a body that blocks."""

import logging
import threading

import pytest

from perdure import ExecutionParked, activity, is_replaying, logger, suspend, workflow
from perdure.sagas.watchdog import Watchdog
from tests.engine.places import Place
from tests.engine.shop import crashed_at, look_up, world

pytestmark = pytest.mark.every_python


@activity
async def note(text: str) -> None:
    logger.info("noted %s", text)
    await world.serve(text)


@workflow(key=str)
async def talk(order_id: str) -> None:
    logger.info("begins with %s", order_id)
    await note("first")
    logger.info("goes on")
    await note("second")
    logger.info("ends")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "perdure.workflow"]


async def test_a_body_logs_once_however_often_it_is_replayed(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "perdure.workflow")
    left = await crashed_at("second", place, talk, "o-1")
    async with left.engine(talk) as engine:
        await engine.handle("talk@o-1").result(timeout=10)
    bodies = [line for line in said(caplog) if "noted" not in line]
    assert bodies == [
        "talk@o-1: begins with o-1",
        "talk@o-1: goes on",
        "talk@o-1: ends",
    ]


async def test_records_tell_who_logs_and_escape_what_a_terminal_would_obey(
    memory: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "perdure.workflow")

    @workflow(key=str)
    async def say(order_id: str) -> None:
        logger.warning("%s\n\x1b[31mred", order_id)
        await note("the text")

    async with memory.engine(say) as engine:
        await engine.execute(say, "o-1", timeout=10)
    logger.info("outside of both")
    body, attempt, outside = (one for one in caplog.records if one.name == "perdure.workflow")
    assert body.getMessage() == r"say@o-1: o-1\n\x1b[31mred"
    assert (vars(body)["execution_id"], vars(body)["version"]) == ("say@o-1", 1)
    assert vars(attempt)["idempotency_key"] == world.calls[0].key
    assert body.filename == "test_logs.py"
    assert "execution_id" not in vars(outside)


async def test_what_follows_a_resumption_is_logged(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "perdure.workflow")

    @workflow(key=str)
    async def ask(order_id: str) -> bool:
        logger.info("asks")
        await suspend("may I?")
        logger.info("may")
        return is_replaying()

    async with place.engine(ask) as engine:
        handle = await engine.start(ask, "o-1")
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
    async with place.engine(ask) as engine:
        handle = engine.handle("ask@o-1")
        await handle.resume()
        assert await handle.result(timeout=10) is False
    assert said(caplog) == ["ask@o-1: asks", "ask@o-1: may"]


async def test_what_waited_for_room_logs_when_it_begins(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "perdure.workflow")
    gate = world.hold("stock")

    @workflow(key=str)
    async def look(order_id: str) -> str:
        logger.info("looks")
        return await look_up("stock")

    async with place.engine(look, max_in_flight=1) as engine:
        handles = [await engine.start(look, f"o-{number}") for number in range(3)]
        gate.open()
        for handle in handles:
            await handle.result(timeout=10)
    assert sorted(said(caplog)) == [f"look@o-{number}: looks" for number in range(3)]


async def test_a_body_that_blocks_is_told_of_while_it_does(memory: Place) -> None:
    # behaviour 12
    told, lines = threading.Event(), list[str]()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "blocks the engine" in record.getMessage():
                lines.append(record.getMessage())
                told.set()

    @workflow(key=str)
    async def blocks(order_id: str) -> bool:
        return told.wait(5)  # a computation that takes long

    listener = Listener()
    logging.getLogger("perdure").addHandler(listener)
    try:
        async with memory.engine(blocks) as engine:
            assert await engine.execute(blocks, "o-1", timeout=10)
    finally:
        logging.getLogger("perdure").removeHandler(listener)
    [line] = lines
    assert line.startswith("blocks@o-1: ")
    assert "return told.wait(5)" in line


async def test_the_watchdog_runs_from_the_first_engine_to_the_last() -> None:
    dog = Watchdog()
    for _ in range(2):
        dog.open()
    thread = dog.thread
    assert thread is not None
    dog.close()
    assert thread.is_alive()
    dog.close()
    thread.join(5)
    assert not thread.is_alive()
    assert dog.thread is None


async def test_outside_of_a_body_nothing_is_replayed() -> None:
    assert is_replaying() is False


async def test_what_the_engine_says_of_an_execution_has_it_as_a_field(
    memory: Place, caplog: pytest.LogCaptureFixture
) -> None:
    @workflow(key=str)
    async def waits(order_id: str) -> None:
        await suspend("two\nlines, and \x1b[2J")

    async with memory.engine(waits) as engine:
        handle = await engine.start(waits, "o-1")
        await handle.wait(states=["suspended"], timeout=10)
    [record] = [one for one in caplog.records if one.name == "perdure"]
    assert vars(record)["execution_id"] == "waits@o-1"
    assert record.getMessage().isprintable()
    assert "two\\nlines, and \\x1b[2J" in record.getMessage()
