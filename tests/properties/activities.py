"""The activities of the random programs: every way to retry, to time out, to give up, to be undone.

Each is given its site, and a script that says letter by letter how the calls of it go: `o` done,
`d` a defect before it is done, `l` done and the answer lost, `s` slow and then done, `t` done and
then slow, `p` parked for somebody to resume it, `f` a declared failure, now and on every later
call. Behind its end all goes well. `undo` is the script of the compensation: `d` and `l` as above,
and `f` for one that cannot be done until somebody resumes it.
"""

from perdure import Activity, Failure, Retry, activity
from tests.properties.world import here

AT_ONCE = Retry.fixed(0.0)
SOON = Retry.fixed(0.01)
QUICK_SECONDS = 0.02


class Refused(Failure):
    site: int


@activity(retry=SOON, raises=[Refused])
async def book(site: int, script: str, undo: str) -> str:
    await here().do(site, script, Refused(site=site))
    return f"booked {site}"


@book.compensate(retry=AT_ONCE)
async def unbook(result: str | None, undo: str) -> None:
    await here().undo(undo, result)


@activity(retry=Retry.fixed(0.0, attempts=2), raises=[Refused])
async def book_twice_at_most(site: int, script: str, undo: str) -> str:
    await here().do(site, script, Refused(site=site))
    return f"booked {site}"


@book_twice_at_most.compensate(retry=AT_ONCE)
async def unbook_after_twice(result: str | None, undo: str) -> None:
    await here().undo(undo, result)


@activity(retry=AT_ONCE, raises=[Refused], timeout=QUICK_SECONDS)
async def book_quickly(site: int, script: str, undo: str) -> str:
    await here().do(site, script, Refused(site=site))
    return f"booked {site}"


@book_quickly.compensate(retry=SOON)
async def unbook_quickly(result: str | None, undo: str) -> None:
    await here().undo(undo, result)


@activity(retry=AT_ONCE, raises=[Refused])
async def look(site: int, script: str, undo: str) -> str:
    """Nothing has to be undone."""
    await here().do(site, script, Refused(site=site))
    return f"saw {site}"


@activity(retry=Retry.fixed(0.0, attempts=1), raises=[Refused], on_exhausted="suspend")
async def book_or_park(site: int, script: str, undo: str) -> str:
    await here().do(site, script, Refused(site=site))
    return f"booked {site}"


@book_or_park.compensate(retry=AT_ONCE)
async def unbook_parked(result: str | None, undo: str) -> None:
    await here().undo(undo, result)


@activity(retry=SOON, raises=[Refused], concurrency=2)
def book_in_thread(site: int, script: str, undo: str) -> str:
    here().do_in_thread(site, script, Refused(site=site))
    return f"booked {site}"


@book_in_thread.compensate(retry=AT_ONCE)
def unbook_in_thread(result: str | None, undo: str) -> None:
    here().undo_in_thread(undo, result)


@activity(retry=AT_ONCE, raises=[Refused], timeout=QUICK_SECONDS)
def book_quickly_in_thread(site: int, script: str, undo: str) -> str:
    here().do_in_thread(site, script, Refused(site=site))
    return f"booked {site}"


@book_quickly_in_thread.compensate(retry=AT_ONCE)
async def unbook_quickly_in_thread(result: str | None, undo: str) -> None:
    await here().undo(undo, result)


ACTIVITIES: dict[str, Activity[..., str]] = {
    each.name: each
    for each in (
        book,
        book_twice_at_most,
        book_quickly,
        look,
        book_or_park,
        book_in_thread,
        book_quickly_in_thread,
    )
}
UNDOABLE = {name for name, each in ACTIVITIES.items() if each.compensation is not None}
