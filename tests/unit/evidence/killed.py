"""Kill whoever writes evidence, or one of its exports, at each step that it takes on the disk.

`python -m tests.unit.evidence.killed WHAT FOLDER` forks for each step: the child counts what it is
about to do to files below the folder (opening, making, naming, removing) and kills itself with
SIGKILL right before the n-th. The parent looks at what is there then, does the same work again
without a kill, and prints how many steps there were and each place that was not as promised.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from hdh_migrate.evidence.exports.exports import FORMATS, ExportRequest, save
from hdh_migrate.evidence.exports.packages import PACKAGES, package
from hdh_migrate.evidence.reading import open_bundle
from tests.unit.evidence.builders import bundle, dataset, exclusion, facts, finding, record

STEPS = {
    "open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.chmod",
    "shutil.rmtree", "tempfile.mkstemp", "os.truncate", "os.symlink",
}  # fmt: skip
KILLED = -signal.SIGKILL

Work = Callable[[Path], object]


def written(out: Path) -> object:
    """Write a bundle as `report` does; without a key, for a signature differs each time."""
    return bundle(
        out, [record("a.csv"), record("b.csv")], about=facts(dataset(3, 2010)),
        exclusions=[exclusion("x")], findings=[finding()], languages=("fr", "en"),
    )  # fmt: skip


def work_of(what: str, folder: Path) -> Work:
    """Return what writes: a whole bundle, a package of one, or another form of it."""
    if what == "report":
        return written
    written(folder / "bundle")
    reading = open_bundle(folder / "bundle")
    if what in PACKAGES:
        return partial(package, reading, what)
    wanted = ExportRequest(show_names=True)
    return lambda out: save(FORMATS[what](reading, wanted), out)


def main(what: str, folder: Path) -> None:
    """Hunt through all steps of one kind of work."""
    work, wrong = work_of(what, folder), []
    work(folder / "reference")
    wanted = contents(folder / "reference")
    for step in count(1):
        place = folder / f"{step}"
        place.mkdir()
        out = place / "out"
        status = _killed_at(step, place, work, out)
        if out.exists() and contents(out) != wanted:
            wrong.append(f"{step}: not whole")
        if status == 0:
            break
        assert status == KILLED, status
        if not out.exists():
            work(out)
            if contents(out) != wanted:
                wrong.append(f"{step}: not whole when made again")
            if left := [one.name for one in place.iterdir() if one != out and one.is_dir()]:
                wrong.append(f"{step}: left {left}")
        shutil.rmtree(place)
    sys.stdout.write(json.dumps({"steps": step - 1, "wrong": wrong}))


def _killed_at(step: int, place: Path, work: Work, out: Path) -> int:
    """Return how a child ended that dies right before its n-th step below `place`."""
    child = os.fork()
    if not child:
        taken = count(1)

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event not in STEPS or not any(_below(place, one) for one in arguments):
                return
            if next(taken) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work(out)
        except BaseException:  # noqa: BLE001 - nothing of a child may go on in its parent's name
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _below(place: Path, argument: object) -> bool:
    return isinstance(argument, str | os.PathLike) and os.fspath(argument).startswith(f"{place}/")


def contents(path: Path) -> dict[str, bytes]:
    """Return what a file, or a folder, holds."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {
        str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()
    }


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
