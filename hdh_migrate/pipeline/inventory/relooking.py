"""Ask the source again about objects that were left out because of what a listing said of them.

Two listings may be wrong alike, and some things change without a new version: an archived blob
that was brought back keeps its ETag. So neither a type nor a size shuts an object out for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace

from hdh_migrate.codes import Code
from hdh_migrate.errors import Interrupted, Missing
from hdh_migrate.model import DatasetRow, Entry, Listed, ObjectInfo, State
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.inventory.inventory_findings import record_noted
from hdh_migrate.telemetry import counted

LOOKERS = 8
"""Requests at once: nothing else is asked of the source meanwhile."""

AT_ONCE = 1_000

Decide = Callable[[DatasetRow, ObjectInfo], Listed]

_ONE_AS_IT_IS = "object is not what a listing said; now it is taken as it is"
_ALL_AS_THEY_ARE = "objects are not what a listing said; now they are taken as they are"


def relook(ctx: Context, dataset: DatasetRow, decide: Decide) -> int:
    """Ask the source anew about objects that were no plain ones, or too large; return the mended.

    One request for each of them, and another one for what changed. What can be moved after all
    waits to be moved; each change is committed with everything that follows from it.
    """
    mended = 0
    for changed in found_anew(ctx, dataset, decide):
        _note(ctx, dataset, changed)  # before: killed in between, it is noted twice
        ctx.ledger.update(dataset.id, [], changed)
        mended += len(changed)
    if mended:
        ctx.progress.note(
            f"dataset {dataset.name}: {counted(mended, _ONE_AS_IT_IS, _ALL_AS_THEY_ARE)}"
        )
    return mended


def _note(ctx: Context, dataset: DatasetRow, changed: list[tuple[int, Listed]]) -> None:
    """Note what objects have that were not counted while something shut them out."""
    found = Counter(
        Code(code)
        for _, listed in changed
        for code in filter(None, (listed.reason or "").split(","))
    )
    record_noted(ctx.ledger, dataset, found, more=True)


def found_anew(
    ctx: Context, dataset: DatasetRow, decide: Decide
) -> Iterator[list[tuple[int, Listed]]]:
    """Ask the source about what is kept back; yield what can be moved after all, by id.

    Raises:
        Interrupted: it was stopped; what was yielded counts, and the next start asks the others.
    """
    doubted = ctx.ledger.doubted(dataset.id)
    with ThreadPoolExecutor(LOOKERS) as pool:  # for all portions: threads keep their connections
        for start in range(0, len(doubted), AT_ONCE):
            if ctx.stop.is_set():
                raise Interrupted("stopped while looking again; start again to go on")
            known = [ctx.ledger.find(dataset.id, key) for key in doubted[start : start + AT_ONCE]]
            entries = [found[0] for found in known if found is not None]
            if changed := list(_changed(ctx, dataset, entries, decide, pool)):
                yield changed


def _changed(
    ctx: Context, dataset: DatasetRow, entries: list[Entry], decide: Decide, pool: Executor
) -> Iterator[tuple[int, Listed]]:
    place = ctx.route(dataset).source

    def look(entry: Entry) -> ObjectInfo | None:
        try:
            return ctx.retry(lambda: ctx.source.head(place, entry.obj.key))
        except Missing:
            return None  # transfer or the delta will say so

    def beside(entry: Entry) -> ObjectInfo:
        """What stands beside the bytes, a HEAD does not tell in full, and rules may ask for it."""
        try:
            return ctx.retry(lambda: ctx.source.listed(place, entry.obj.key))
        except Missing:
            return entry.obj

    other = [
        (entry, now)
        for entry, now in zip(entries, pool.map(look, entries), strict=True)
        if now is not None
        and not (_alike(now, entry) and decide(dataset, entry.obj).state is not State.LISTED)
    ]
    for (entry, now), seen in zip(other, pool.map(beside, [one for one, _ in other]), strict=True):
        obj = replace(
            seen, size=now.size, version=now.version, modified=now.modified, md5=now.md5,
            kind=now.kind,
        )  # fmt: skip
        listed = decide(dataset, obj)
        if listed.state is State.LISTED:
            yield entry.id, listed


def _alike(now: ObjectInfo, entry: Entry) -> bool:
    """Say whether nothing changed of what may have shut an object out."""
    obj = entry.obj
    return (now.size, now.kind, now.lease) == (obj.size, obj.kind, obj.lease)
