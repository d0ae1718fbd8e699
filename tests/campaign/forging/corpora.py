"""The bundles that are forged: worlds written by hand, and reports of simulated migrations."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hdh_migrate.evidence.signatures.signing import Signer
from tests.campaign.forging.insider import NOT_ASKED, digest_of
from tests.campaign.forging.specimens import told_whole, with_specimens
from tests.campaign.forging.walk import JOURNAL
from tests.campaign.life import Broken
from tests.campaign.lives import quick_folder
from tests.campaign.signers import CISO, DPO, OPERATOR
from tests.campaign.simulation import Simulation
from tests.unit.evidence import worlds_signed, worlds_waived
from tests.unit.evidence.forgery import Desk, load
from tests.unit.evidence.test_grants_told import GOOD as GRANTS
from tests.unit.evidence.test_second_opinion_adopted import adopted, fenced
from tests.unit.evidence.test_second_opinion_cutovers import in_story
from tests.unit.evidence.test_second_opinion_looks import after_a_deletion
from tests.unit.evidence.test_second_opinion_rotated import rotated
from tests.unit.evidence.worlds import (
    World,
    desk_in,
    in_keyed_names,
    laid,
    of_an_older_ledger,
    world,
)
from tests.unit.evidence.worlds_again import listed_again, looked_at
from tests.unit.evidence.worlds_amended import amended
from tests.unit.evidence.worlds_judged import head_of, judged_world

TOLD_OF_GRANTS = (
    "closed by hand, and again", "a policy that has gone", "stale for two reasons", "renewed",
    "dropped", "adopted",
)  # fmt: skip


def granted() -> World:
    """Return the world in which each of these stories was told of grants of its own."""
    made = world()
    for number, what in enumerate(TOLD_OF_GRANTS):
        before = len(made["journal.jsonl"])
        GRANTS[what](made)
        for event in made["journal.jsonl"][before:]:
            event[2] = _apart(event[2], f"-{number}")
    return made


def _apart(value: Any, end: str) -> Any:
    """Return what is told of a grant as that of another one: its names have this end."""
    if isinstance(value, list):
        return [_apart(one, end) for one in value]
    if not isinstance(value, dict):
        return f"{value}{end}" if value in ("g1", "g2") else value
    made = {name: _apart(one, end) for name, one in value.items()}
    if "request" in made:
        about = {name: one for name, one in made.items() if name not in NOT_ASKED}
        made["request"] = digest_of(about)
    return made


PEOPLE = (DPO, CISO)
"""Who approves and waives: the same each time, so that what is drawn of a world is, too."""
Make = Callable[[Sequence[Signer]], World]


@cache
def told() -> dict[str, set[str]]:
    """Return which members of which kinds of events worlds tell that were written by hand."""
    found: dict[str, set[str]] = {}
    makers: dict[str, Make] = {name: make for name, make in WORLDS.items() if name not in MADE}
    for make in makers.values():
        for kind, _, body in make(PEOPLE)[JOURNAL]:
            found.setdefault(kind, set()).update(body)
    return found


def whole_and_signed(people: Sequence[Signer]) -> World:
    """Return the world in which all that rests on approvals is told whole, and signed."""
    made = told_whole(worlds_signed.approved(people), told())
    seen = {"events": 1, "head": head_of(made[JOURNAL][:1])}
    for kind, moment, body in made[JOURNAL]:
        if kind == "cutover-agreed":
            body["evidence"] = {"statement": "ab" * 32, "written": moment, **seen}
    return worlds_signed.signed(made, people)


WORLDS: dict[str, Make] = {
    "plain": lambda _: world(),
    "keyed": lambda _: in_keyed_names(world()),
    "older": lambda _: of_an_older_ledger(world()),
    "looks": lambda _: looked_at(),
    "listed-again": lambda _: listed_again(),
    "amended": lambda _: amended(),
    "adopted": lambda _: adopted(),
    "fenced": lambda _: fenced(),
    "rotated": lambda _: rotated(),
    "decommissioned": lambda _: in_story(),
    "looked-at-last": lambda _: after_a_deletion(),
    "signed": lambda people: worlds_signed.signed(worlds_signed.approved(people), people),
    "waived": lambda people: worlds_waived.waived(people[0]),
    "judged": lambda people: judged_world(people[0]),
    "granted": lambda _: granted(),
    "specimens": lambda _: with_specimens(told()),
    "whole": lambda _: told_whole(world(), told()),
    "whole-older": lambda _: told_whole(of_an_older_ledger(world()), told()),
    "whole-amended": lambda _: told_whole(amended(), told()),
    "whole-looks": lambda _: told_whole(looked_at(), told()),
    "whole-listed-again": lambda _: told_whole(listed_again(), told()),
    "whole-rotated": lambda _: told_whole(rotated(), told()),
    "whole-decommissioned": lambda _: told_whole(in_story(), told()),
    "whole-signed": whole_and_signed,
}
MADE = {name for name in WORLDS if name == "specimens" or name.startswith("whole")}
"""Those that are made from others by program: of events and members that no other has."""


def by_hand(folder: Path, name: str) -> Desk:
    """Return a desk at which a world lies that was written by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    desk = desk_in(folder)
    return Desk(desk.folder, laid(desk, WORLDS[name](PEOPLE)), desk.keys)


def lived(folder: Path, seed: int) -> Desk:
    """Return a desk at which the last report of a simulated migration lies.

    Raises:
        Broken: the life of this seed broke, or wrote no report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="life-", dir=quick_folder()) as name:
        simulation = Simulation(Path(name), seed)
        simulation.live()
        written = [one.parent for one in Path(name).glob("reports/*/statement.json")]
        written.sort(key=lambda one: int(one.name))
        if not written:
            raise Broken("it wrote no report")
        return Desk(folder / "changed", load(written[-1]), (OPERATOR,))


def desk_of(folder: Path, bundle: str) -> Desk:
    """Return a desk at which a bundle lies: one written by hand, or that of a life by its seed.

    Raises:
        Broken: the life of this seed broke, or wrote no report.
    """
    return by_hand(folder, bundle) if bundle in WORLDS else lived(folder, int(bundle))
