"""Whoever is refused is told of a command that gets on: no two refusals name each other for ever.

In each state every command that may be refused is given. What a refusal names is given in the same
state, and what that one's refusal names, until one of them is not refused.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.events.adoption import Adopting
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.telemetry import SystemClock
from tests.live.test_erased import begun as erasing
from tests.live.test_erased import copied
from tests.live.test_old_ledgers import put_back
from tests.support.finished import Finished, Target
from tests.support.resealed import sealed_anew
from tests.support.rotated import behaving, executed, say_next, verified
from tests.support.site import Said, Site, moved

pytestmark = [pytest.mark.live, pytest.mark.slow]

WHY = "the machine burned"
LONG = "n" * 1_020
NOTHING = frozenset[tuple[str, str]]()
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "PLAN"),
    "run --refresh": ("run", "PLAN", "--refresh"),
    "run --take-over": ("run", "PLAN", "--take-over", "--reason", WHY),
    "transfer": ("transfer", "PLAN"),
    "verify": ("verify", "PLAN"),
    "verify --again": ("verify", "PLAN", "--again"),
    "verify --again --restore": ("verify", "PLAN", "--again", "--restore", "all"),
    "inventory --refresh": ("inventory", "PLAN", "--refresh"),
    "adopt": ("adopt", "PLAN"),
    "fence --take-over": ("fence", "PLAN", "--take-over", "--reason", WHY),
    "keys rotate": ("keys", "rotate", "PLAN", "--from", "OLD", "--to", "NEW", "--execute"),
    "reseal": ("reseal", "PLAN", "--execute"),
    "cutover rollback": ("cutover", "rollback", "PLAN", "--batch", "all"),
    "resume": ("resume", "PLAN"),
    "hold --release": ("hold", "PLAN", "--release"),
    "erase": (
        "erase", "PLAN", "--dataset", "emc2", "--headers", "--execute", "--confirm", "emc2",
        "--reason", WHY,
    ),
}  # fmt: skip
"""What may be named to somebody who is refused, and gets on; what only shows something is none."""

ANSWERS = frozenset({"keys rotate", "erase", "cutover rollback", "resume", "hold --release"})
"""Given where they are named: without their reason they are refused for that."""

REFUSALS = frozenset({Exit.REFUSED, Exit.LOCKED})
STOPS = frozenset({Exit.STOPPED})
"""These count as refusals where somebody else stopped them."""


# --- states ---------------------------------------------------------------------------------------


def adopting(site: Site) -> None:
    """Begin an adoption, as a killed one did."""
    ledger = SqliteLedger.open(site.state / "ledger.db", SystemClock())
    ledger.event(Adopting(number=1, batch="all", journals=(), user="ops@here"))
    ledger.commit()
    ledger.close()


def blocked(site: Site) -> None:
    """Let the ledger have an object that cannot be moved as planned."""
    site.container.client.upload_blob(LONG, b"its name is too long")
    site.cli("inventory", site.plan, "--refresh", "--no-progress", expect=3)


def adopting_blocked(site: Site) -> None:
    """Begin one of a ledger with such an object, which has another name by now."""
    blocked(site)
    adopting(site)
    site.container.client.delete_blob(LONG)


def exchanging(site: Site) -> None:
    say_next(site)
    _unsure(site, lambda: executed(site, expect=Exit.STOPPED))


def resealing(site: Site) -> None:
    _unsure(site, lambda: sealed_anew(site, expect=Exit.STOPPED))


def _unsure(site: Site, act: Callable[[], object]) -> None:
    """Act while nobody learns what became of one object."""
    name = "in/pmsi/b.csv.c4gh"
    behaving(
        site, denied_though_done=frozenset({("PutObject", name)}),
        denied=frozenset({("HeadObject", name)}),
    )  # fmt: skip
    act()
    behaving(site, denied_though_done=NOTHING, denied=NOTHING)


def adopting_and_exchanging(site: Site) -> None:
    adopting(site)
    exchanging(site)


def adopting_and_resealing(site: Site) -> None:
    adopting(site)
    resealing(site)


def overtaken(site: Site) -> None:
    """Let a copy of the ledger take the fence."""
    away = site.folder / "away"
    shutil.copytree(site.state.parent, away)
    site.cli(
        "run", site.plan, "--state-dir", str(away), "--take-over", "--reason", WHY, "--no-progress",
        expect=0,
    )  # fmt: skip


def overtaken_in_an_exchange(site: Site) -> None:
    exchanging(site)
    away = site.folder / "away"
    shutil.copytree(site.state.parent, away)
    site.cli("fence", site.plan, "--state-dir", str(away), "--take-over", "--reason", WHY, expect=0)


def lost(site: Site) -> None:
    """Lose the ledger."""
    shutil.rmtree(site.state.parent)


def behind(site: Site) -> None:
    """Put an old copy in the ledger's place, whose exchange the newer one went on with."""
    exchanging(site)
    early = site.folder / "early"
    shutil.copytree(site.state, early)
    executed(site, expect=0)
    put_back(site, early)


def paused(site: Site) -> None:
    site.cli("pause", site.plan, expect=0)


def paused_and_held(site: Site) -> None:
    exchanging(site)
    site.cli("pause", site.plan, expect=0)
    site.cli("hold", site.plan, expect=0)


def switched(site: Site) -> None:
    site.approve("cutover")
    site.cutover("start", expect=0)


def erasing_and_adopting(site: Site) -> None:
    adopting(site)
    erasing(site)


State = Callable[[Site], None]
KEPT = Target(versions=True)
STATES: list[tuple[Callable[[Site], object], State]] = [
    (verified, adopting),
    (verified, adopting_blocked),
    (verified, exchanging),
    (verified, resealing),
    (verified, adopting_and_exchanging),
    (verified, adopting_and_resealing),
    (verified, overtaken),
    (verified, overtaken_in_an_exchange),
    (verified, lost),
    (verified, behind),
    (verified, paused),
    (verified, paused_and_held),
    (moved, switched),
    (copied, erasing),
    (copied, erasing_and_adopting),
]


# --- the walk -------------------------------------------------------------------------------------


class Walk:
    """Gives commands in one state, each as if no other had been given."""

    def __init__(self, site: Site) -> None:
        self._site, self._kept = site, site.folder.with_name(f"{site.folder.name}-kept")
        shutil.copytree(site.folder, self._kept)
        server: Any = site.bucket.server
        self._store = server.store
        self._buckets = deepcopy(self._store.buckets)
        self.names: dict[str, list[str]] = {}
        """By command that was refused: what it named."""
        self.said: dict[str, str] = {}

    def refused(self, name: str) -> bool:
        """Give a command, if it was not given; say whether it was refused."""
        if name not in self.said:
            said = self._given(COMMANDS[name])
            self.said[name] = said.err
            if said.code in REFUSALS or (said.code in STOPS and "hdh-migrate" in said.err):
                self.names[name] = list(named(said.err))
            self._back()
        return name in self.names

    def gets_on(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Say whether a command, or what its refusal names, or what that one's does, is done."""
        if not self.refused(name):
            return True
        return any(
            self.gets_on(other, seen | {name}) for other in self.names[name] if other not in seen
        )

    def _given(self, words: tuple[str, ...]) -> Said:
        keys = self._site.folder / "keys"
        meant = {
            "PLAN": self._site.plan, "OLD": str(keys / "steward.pub"),
            "NEW": str(keys / "next.pub"),
        }  # fmt: skip
        more = ("--identity", str(keys / "steward.sec")) if words[0] == "keys" else ()
        return self._site.cli(*(meant.get(one, one) for one in words), *more)

    def _back(self) -> None:
        shutil.rmtree(self._site.folder)
        shutil.copytree(self._kept, self._site.folder)
        self._store.buckets = deepcopy(self._buckets)


def named(text: str) -> Iterator[str]:
    """Yield the commands that a text names."""
    for quoted in re.findall(r'"hdh-migrate ([^"]+)"|`([^`]+)`', text):
        words = set(" ".join(quoted).split())
        fitting = [name for name in COMMANDS if set(name.split()) <= words]
        if fitting:
            yield max(fitting, key=len)


@pytest.mark.parametrize(("prepare", "state"), STATES, ids=[state.__name__ for _, state in STATES])
def test_whoever_is_refused_is_told_of_a_command_that_gets_on(
    finished: Finished, prepare: Callable[[Site], object], state: State
) -> None:
    site = finished(prepare, KEPT)
    state(site)
    walk = Walk(site)

    stuck = [name for name in COMMANDS if name not in ANSWERS and not walk.gets_on(name)]

    told = "\n".join(f"{name}: {walk.said[name]}" for name in stuck)
    assert not stuck, told
    assert walk.names, "nothing is refused: the state is none"
