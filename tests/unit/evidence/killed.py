"""Kill whoever writes evidence, or one of its exports, at each step that it takes on the disk.

`python -m tests.unit.evidence.killed FOLDER WHAT…` forks once for each: whenever the child is about
to do something to files below the folder (opening, making, naming, removing), what is there is
copied as it is, without what the child still has in memory; that is what a SIGKILL leaves. Once the
child is gone the parent looks at each copy and does the same work again there. Of each kind of work
it prints how many steps there were and each place that was not as promised.
"""

from __future__ import annotations

import json
import os
import shutil
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


def hunted(what: str, folder: Path) -> dict[str, object]:
    """Hunt through all steps of one kind of work."""
    folder.mkdir()
    work, wrong = work_of(what, folder), []
    work(folder / "reference")
    wanted = contents(folder / "reference")
    (folder / "states").mkdir()
    steps = _walked(folder / "place", work, folder / "states")
    for place in (folder / "states").iterdir():
        out = place / "out"
        if out.exists():
            if contents(out) != wanted:
                wrong.append(f"{place.name}: not whole")
            continue
        work(out)
        if contents(out) != wanted:
            wrong.append(f"{place.name}: not whole when made again")
        if left := [one.name for one in place.iterdir() if one != out and one.is_dir()]:
            wrong.append(f"{place.name}: left {left}")
    return {"steps": steps, "wrong": wrong}


def _walked(place: Path, work: Work, states: Path) -> int:
    """Have a child do the work; return its steps. What each found on the disk is in `states`.

    A state is there once: a step that changed nothing leaves what the one before it left.
    """
    place.mkdir()
    child = os.fork()
    if not child:
        _watch(place, states)
        try:
            work(place / "out")
        except BaseException:  # noqa: BLE001 - nothing of a child may go on in its parent's name
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return int((states.parent / "steps").read_text())


def _watch(place: Path, states: Path) -> None:
    """Keep what is below `place` right before each step of this process from now on."""
    steps, kept, looking = count(1), list[object](), False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal looking
        if looking or event not in STEPS or not any(_below(place, one) for one in arguments):
            return
        looking = True
        step = next(steps)
        (states.parent / "steps").write_text(f"{step}")
        found = state(place)
        if found not in kept[-1:]:
            kept.append(found)
            shutil.copytree(place, states / f"{step}", symlinks=True)
        looking = False

    sys.addaudithook(hook)


def _below(place: Path, argument: object) -> bool:
    return isinstance(argument, str | os.PathLike) and os.fspath(argument).startswith(f"{place}/")


def contents(path: Path) -> dict[str, bytes]:
    """Return what a file, or a folder, holds."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {
        str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()
    }


def state(path: Path) -> dict[str, tuple[int, object]]:
    """Return all that there is below a folder, with its mode and what it holds."""
    return {
        str(one.relative_to(path)): (
            one.lstat().st_mode,
            one.readlink() if one.is_symlink() else one.is_file() and one.read_bytes(),
        )
        for one in path.rglob("*")
    }


if __name__ == "__main__":
    base, *asked = sys.argv[1:]
    sys.stdout.write(json.dumps({what: hunted(what, Path(base, what)) for what in asked}))
