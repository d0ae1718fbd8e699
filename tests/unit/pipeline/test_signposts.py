"""Signposts are believed in one direction, so none may be hidden."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.pipeline.fences import signposts
from tests.support.world import World


def test_what_lies_behind_the_signposts_that_are_read_is_not_taken_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heap of objects in front of one hid that a dataset was erased."""
    monkeypatch.setattr(signposts, "MOST", 2)
    world = World(tmp_path)
    for name in ("a", "b", "z"):
        post = signposts.erased("m", f"{name}-ledger", "d", "2026-11-27T00:00:00Z")
        signposts.put_up(world.target, lambda act: act(), ["dst"], post)  # type: ignore[arg-type]

    found = signposts.signposts(world.target, lambda act: act(), "dst", "m")  # type: ignore[arg-type]

    assert [one.post is not None for one in found] == [True, True, False]
    assert "z-ledger" in found[2].key
