"""Every kind of pointer goes through the same cutover, killed before and after every swap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit, MigrateError, Refused, Transient
from hdh_migrate.pipeline.cutover.finalize import finalize
from hdh_migrate.pipeline.cutover.rollback import roll_back
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.projections.standing import CutoverStage
from tests.contract.test_pointers import KINDS, in_process, sshd
from tests.support.cutover import Affair, Watched
from tests.support.pointers import NEW, OLD, Rig, command
from tests.support.processes import awaited, forked
from tests.support.script import Killed, Point

__all__ = ["in_process", "sshd"]

pytestmark = [pytest.mark.live, pytest.mark.crash]


class Play:
    """One batch with a real pointer; every verb is killed around its swap before it may end."""

    def __init__(self, folder: Path, rig: Rig) -> None:
        self.rig, self.affair = rig, Affair(folder)
        for key in ("a", "b"):
            self.affair.world.source.put("src", key, key.encode() * 40)
        assert self.affair.world.run() is Exit.OK
        self.affair.value = NEW
        self.source = self.affair.source_as_it_is()

    def act(self, verb: Callable[..., Any], *more: Any, swaps: bool = True) -> None:
        for when in ("before", "after") if swaps else ():
            number = self.affair.script.calls["pointer swap"] + 1
            self.affair.kill_at(Point("pointer swap", number, when))  # type: ignore[arg-type]
            with pytest.raises(Killed):
                self.once(verb, *more)
        self.once(verb, *more)
        assert self.affair.source_as_it_is() == self.source

    def once(self, verb: Callable[..., Any], *more: Any) -> None:
        """Act as a process of its own does, which opens the pointer anew.

        A server in this process may be kept waiting by others; what the verb says of a connection
        that is lost is then done: the same command again.
        """
        for last in (False, False, True):
            self.affair.real = Watched(self.affair.script, self.rig.open())
            try:
                self.affair.act(verb, *more)
            except Refused as error:
                if last or "give the same command again to go on" not in str(error):
                    raise
            else:
                return

    def must_be(self, stage: CutoverStage, value: str) -> None:
        assert (self.affair.standing().stage, self.rig.open().read()) == (stage, value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pointer_goes_there_and_back_and_there_again(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rig = KINDS[kind](tmp_path, request.getfixturevalue)
    rig.lay(OLD)
    before = rig.raw()
    play = Play(tmp_path / "world", rig)

    play.affair.approve("cutover")
    play.act(start)
    play.must_be(CutoverStage.OPEN, NEW)
    switched = rig.raw()
    play.act(roll_back)
    play.must_be(CutoverStage.ROLLED_BACK, OLD)
    assert rig.raw() == before
    play.act(start)
    play.must_be(CutoverStage.OPEN, NEW)
    assert rig.raw() == switched
    play.affair.approve("finalize")
    play.act(finalize, "a test", swaps=False)
    play.must_be(CutoverStage.FINALIZED, NEW)

    events = play.affair.events()
    # Killed before the swap: withdrawn, and begun anew. Killed after it: found.
    assert events.count("switching") == 4
    assert (events.count("withdrawn"), events.count("switched")) == (2, 2)


SLOW = """\
#!/bin/sh
touch began
while [ ! -e go ]; do sleep 0.01; done
exec ./alias "alias of pmsi" set
"""


@pytest.mark.parametrize("apart", [False, True], ids=["as it is", "in a session of its own"])
def test_no_rollback_ends_beside_a_program_that_a_killed_start_left(
    tmp_path: Path, *, apart: bool
) -> None:
    """It saw the old value, called it rolled back, and consumers were led to the target after."""
    rig = command(tmp_path)
    rig.lay(OLD)
    slow = tmp_path / "slow"
    slow.write_text(SLOW)
    slow.chmod(0o755)
    rig.section["apply"] = ["/usr/bin/setsid", "--wait", "./slow"] if apart else ["./slow"]
    play = Play(tmp_path / "world", rig)
    play.affair.approve("cutover")

    with forked(lambda: play.once(start)):
        assert awaited((tmp_path / "began").exists)

    with pytest.raises(MigrateError, match="is still running"):
        play.once(roll_back)
    assert play.affair.standing().stage is CutoverStage.SWITCHING
    (tmp_path / "go").touch()
    assert awaited(lambda: rig.raw().decode().strip() == NEW)
    assert awaited(lambda: _is_free(rig))
    play.once(roll_back)

    play.must_be(CutoverStage.ROLLED_BACK, OLD)


def _is_free(rig: Rig) -> bool:
    try:
        rig.open().read()
    except Transient:
        return False
    return True
