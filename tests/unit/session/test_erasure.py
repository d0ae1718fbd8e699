"""Whether the source still holds what is to be erased: a listing must say it of each object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.model import Page, Place
from hdh_migrate.pipeline.context import Context
from hdh_migrate.session.policy.erasure import source_lacks
from tests.support.world import World


class Repeating:
    """A source that lists its first object again at the end of each page."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        for page in self._inner.pages(place, marker=marker):
            yield replace(page, objects=(*page.objects, page.objects[0]))


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    for name in "abc":
        made.source.put("src", name, name.encode() * 9)
    assert made.run() is Exit.OK
    return made


def lacks(world: World, ctx: Context) -> str | None:
    (dataset,) = ctx.ledger.datasets()
    return source_lacks(ctx, dataset)


def test_what_the_source_lacks_is_counted(world: World) -> None:
    ledger = world.open()
    ctx = world.context(ledger)
    assert lacks(world, ctx) is None
    world.source.drop("src", "b")
    assert lacks(world, ctx) == "the source lacks 1 of 3 objects"
    world.source.put("src", "b", b"another version")
    assert lacks(world, ctx) == "the source lacks 1 of 3 objects"
    ledger.close()


def test_an_object_that_is_listed_twice_stands_for_no_other(world: World) -> None:
    ledger = world.open()
    ctx = replace(world.context(ledger), source=Repeating(world.source))
    world.source.drop("src", "c")
    assert lacks(world, ctx) == "the source could not be listed"
    ledger.close()
