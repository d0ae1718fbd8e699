"""The rules across a plan's fields, each a function whose first line states it.

They look at plain JSON values, not at a validated plan, and step over what has the wrong shape:
so they also speak when a field elsewhere is wrong, and all problems are reported at once. They
name places by index and never repeat a value.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from hdh_migrate.plan import (
    cutover_rules,
    hours_rules,
    lists,
    prices,
    report_rules,
    seal_rules,
    source_rules,
)
from hdh_migrate.plan.selection import NO_CONDITIONS
from hdh_migrate.plan.shapes import (
    Broken,
    Loc,
    Unnamed,
    mapping,
    mappings,
    names,
    place_text,
    repeated,
    texts,
    uncertified,
)
from hdh_migrate.plan.sides import SOURCES, SourceSection

__all__ = ["RULES", "Broken", "Loc", "broken", "place_text"]

_MAX_CIRCLES = 10
_MAX_LINKS = 10


def broken(
    plan: Mapping[str, object], kinds: Sequence[type[SourceSection]] = SOURCES
) -> Iterator[Broken]:
    """Yield every broken rule of a plan as it was written, without defaults filled in.

    `kinds` are those that its source may be of.
    """
    for rule in RULES:
        yield from rule(plan)
    source = source_rules.named(plan, kinds)
    if source is not None:
        for of_source in source_rules.RULES:
            yield from of_source(plan, source)


def _planned_days_are_in_order(plan: Mapping[str, object]) -> Iterator[Broken]:
    """The last planned day is not before the first."""
    planned = mapping(plan, "planned")
    first, last = planned.get("first_day"), planned.get("last_day")
    if isinstance(first, str) and isinstance(last, str) and last < first:
        yield Broken(("planned", "last_day"), "before the first day")


def _second_read_is_compared(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Reading the source again needs level `full`, which has something to compare it with."""
    verify = mapping(plan, "verify")
    if verify.get("source") == "again" and verify.get("level", "full") != "full":
        yield Broken(("verify", "source"), "again needs level full: nothing would be compared")


def _two_recipients(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Sealing needs two different recipients, or `single_recipient_reason`."""
    seal = mapping(plan, "seal")
    recipients = seal.get("recipients")
    if seal.get("format") != "crypt4gh" or not isinstance(recipients, list) or not recipients:
        return
    first: dict[str, int] = {}
    for index, path in enumerate(recipients):
        if isinstance(path, str):
            seen = first.setdefault(posixpath.normpath(path), index)
            if seen != index:
                where = place_text(("seal", "recipients", seen))
                yield Broken(("seal", "recipients", index), f"the same key file as {where}")
    if len(first) < 2 and seal.get("single_recipient_reason") is None:
        yield Broken(
            ("seal", "recipients"),
            "needs two different recipients, so that one lost key loses no data;"
            " or say why not in single_recipient_reason",
        )


def _names_are_unique(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Names of datasets are unique, and so are names of batches and of channels."""
    for section in ("datasets", "batches", "notify"):
        first: dict[str, int] = {}
        for index, name in names(plan, section):
            if first.setdefault(name, index) != index:
                where = place_text((section, first[name]))
                yield Broken((section, index, "name"), f"the same name as {where}")


def _targets_are_apart(plan: Mapping[str, object]) -> Iterator[Broken]:
    """No two datasets have the same target bucket and prefix."""
    first: dict[tuple[str, str], int] = {}
    for index, dataset in mappings(plan, "datasets"):
        target = mapping(dataset, "target")
        bucket, prefix = target.get("bucket"), target.get("prefix", "")
        if (
            isinstance(bucket, str)
            and isinstance(prefix, str)
            and first.setdefault((bucket, prefix), index) != index
        ):
            where = place_text(("datasets", first[bucket, prefix]))
            yield Broken(
                ("datasets", index, "target"),
                f"the same bucket and prefix as {where}: give each dataset its own prefix",
            )


def _keeping_has_a_reason(plan: Mapping[str, object]) -> Iterator[Broken]:
    """`collisions: keep` needs `collisions_reason`."""
    for index, dataset in mappings(plan, "datasets"):
        if dataset.get("collisions") == "keep" and dataset.get("collisions_reason") is None:
            yield Broken(
                ("datasets", index, "collisions_reason"), "missing: `collisions: keep` needs it"
            )


def _rules_ask_something(plan: Mapping[str, object]) -> Iterator[Broken]:
    """A rule of `include` or `exclude` asks for something; `keys_sha256` is of a `keys_from`."""
    for index, dataset in mappings(plan, "datasets"):
        for field in lists.RULES:
            for at, rule in mappings(dataset, field):
                loc: Loc = ("datasets", index, field, at)
                asked = [name for name in rule if name not in NO_CONDITIONS]
                if not asked:
                    yield Broken(
                        loc, "asks for nothing: give it a glob, a prefix, a size, a date, a tier,"
                        " tags, a type or `keys_from`",
                    )  # fmt: skip
                elif "keys_sha256" in rule and "keys_from" not in rule:
                    yield Broken((*loc, "keys_sha256"), "there is no `keys_from` that it is of")


def _prices_are_of_one_currency(plan: Mapping[str, object]) -> Iterator[Broken]:
    """The two prices of `rehydrate.price` are of one currency."""
    price = mapping(mapping(plan, "rehydrate"), "price")
    units = {one.rpartition(" ")[2] for one in price.values() if isinstance(one, str)}
    if len(units) > 1:
        yield Broken(("rehydrate", "price"), "two currencies: give both prices in one")


def _a_cluster_is_named(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Engine `dask` needs `scheduler` and `certificates`, and no other has them."""
    engine = mapping(plan, "engine")
    wanted = engine.get("kind", "local") == "dask"
    for name in ("scheduler", "certificates"):
        given = engine.get(name) is not None
        if wanted and not given:
            yield Broken(("engine", name), "missing: kind dask needs it (hdh-migrate docs scaling)")
        elif given and not wanted:
            yield Broken(("engine", name), "is of kind dask: give that kind, or leave this out")


def _certificates_are_asked_for(plan: Mapping[str, object]) -> Iterator[Broken]:
    """`tls` of a pointer and the time-stamping authority is of an address of theirs, in https."""
    yield from uncertified(("report", "tsa"), mapping(mapping(plan, "report"), "tsa"), "url")
    for loc, pointer in cutover_rules.pointers(plan):
        yield from uncertified(loc, pointer, "endpoint")


def _one_batch_each(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Every dataset belongs to exactly one batch."""
    if not plan.get("batches"):
        return  # none given: one batch holds them all
    known = {name: index for index, name in names(plan, "datasets")}
    taken: dict[str, int] = {}
    unnamed = Unnamed(plan, "datasets")
    for at, batch in mappings(plan, "batches"):
        for index, name in texts(batch.get("datasets")):
            loc: Loc = ("batches", at, "datasets", index)
            if name not in known:
                yield Broken(loc, unnamed.why(name))
            elif taken.setdefault(name, at) != at:
                where = place_text(("batches", taken[name]))
                yield Broken(loc, f"this dataset is already in {where}: it belongs to one batch")
        for index, again in repeated(batch.get("datasets")):
            where = place_text(("batches", at, "datasets", again))
            yield Broken(("batches", at, "datasets", index), f"the same dataset as {where}")
    for name, index in known.items():
        if name not in taken:
            yield Broken(("datasets", index, "name"), "this dataset is in no batch: add it to one")


def _needs_have_an_order(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Batches need known batches, and never each other in a circle."""
    batches = dict(mappings(plan, "batches"))
    at = {name: index for index, name in names(plan, "batches")}
    graph: dict[int, set[int]] = {index: set() for index in batches}
    unnamed = Unnamed(plan, "batches")
    for index, batch in batches.items():
        for place, name in texts(batch.get("needs")):
            if name in at:
                graph[index].add(at[name])
            else:
                yield Broken(("batches", index, "needs", place), unnamed.why(name))
    for circle in _circles(graph):
        links = [place_text(("batches", index)) for index in (*circle, circle[0])]
        if len(links) > _MAX_LINKS:
            links[_MAX_LINKS - 1 : -1] = ["..."]
        chain = " needs ".join(links)
        yield Broken(("batches", circle[0], "needs"), f"batches need each other: {chain}")


def _circles(graph: dict[int, set[int]]) -> Iterator[list[int]]:
    """Yield circles that share no batch, each from its first batch on."""
    for _ in range(_MAX_CIRCLES):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            # graphlib tells the circle from the needed to the needing, first and last alike.
            circle = list(reversed(error.args[1][1:]))
            start = circle.index(min(circle))
            yield circle[start:] + circle[:start]
            graph = {
                index: needs.difference(circle)
                for index, needs in graph.items()
                if index not in circle
            }
        else:
            return


RULES: tuple[Callable[[Mapping[str, object]], Iterator[Broken]], ...] = (
    _second_read_is_compared,
    _planned_days_are_in_order,
    _two_recipients,
    _names_are_unique,
    _targets_are_apart,
    _keeping_has_a_reason,
    _rules_ask_something,
    _prices_are_of_one_currency,
    _one_batch_each,
    _needs_have_an_order,
    _a_cluster_is_named,
    _certificates_are_asked_for,
    *hours_rules.RULES,
    *report_rules.RULES,
    *seal_rules.RULES,
    *prices.RULES,
    *cutover_rules.RULES,
)
