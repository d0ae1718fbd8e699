"""A plan's rules about objects, as the pipeline asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import Refused
from hdh_migrate.model import key_bytes
from hdh_migrate.pipeline.rules.ruling import KeyList, Keys, Rule, Test, by_age, by_glob
from hdh_migrate.plan import fields
from hdh_migrate.plan.datasets import Dataset
from hdh_migrate.plan.lists import ListUnreadable, keys_in, read_list
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.selection import NO_CONDITIONS, Conditions


class Compiler:
    """Compiles the rules of one plan; each list of keys is read once, when it is first asked."""

    def __init__(self, plan: Plan, base: Path) -> None:
        self._plan, self._base = plan, base
        self._lists: dict[tuple[str, str | None], KeyList] = {}

    def rule(
        self, dataset: Dataset, written: str | Conditions, moment: str | None, *, takes: bool
    ) -> Rule:
        """Return one rule; `takes`: of `include`. Relative ages count from `moment`."""
        if isinstance(written, str):
            return by_glob(written)
        keys = (
            None
            if written.keys_from is None
            else self._list(written.keys_from, written.keys_sha256)
        )
        tests = [*_tests(written), *_dates(written, moment, unknown=takes)]
        if keys is not None:
            tests.append(_listed(keys))
        return Rule(
            tests=tuple(tests),
            keys=keys,
            expects=lambda key: self._is_here(dataset, written, key),
            asks=frozenset(written.model_fields_set - NO_CONDITIONS),
        )

    def _list(self, name: str, digest: str | None) -> KeyList:
        if (name, digest) not in self._lists:
            self._lists[name, digest] = KeyList(partial(_read, self._base / name, digest))
        return self._lists[name, digest]

    def _is_here(self, dataset: Dataset, conditions: Conditions, key: bytes) -> bool:
        """Say whether a key of a list is this dataset's to have, and not another one's with it."""
        if key.startswith(key_bytes(dataset.source.place.prefix)):
            return True
        return not any(
            key.startswith(key_bytes(other.source.place.prefix))
            for other in self._plan.datasets
            if other.name != dataset.name and conditions.keys_from in set(_lists_of(other))
        )


def _lists_of(dataset: Dataset) -> Iterator[str]:
    for rule in (*dataset.include, *dataset.exclude):
        if not isinstance(rule, str) and rule.keys_from is not None:
            yield rule.keys_from


def _read(path: Path, digest: str | None) -> Keys:
    try:
        return keys_in(read_list(path, digest))
    except ListUnreadable as error:
        raise Refused(
            f"a list of keys (`keys_from`) cannot be used: {error}",
            hint="nothing was changed; put the list back as it was when the command began",
        ) from error


def _listed(keys: KeyList) -> Test:
    return lambda _, obj: keys.find(key_bytes(obj.key)) is not None


def _tests(conditions: Conditions) -> Iterator[Test]:
    """Yield a test for everything that a rule asks, the quick ones first."""
    if conditions.larger_than is not None:
        yield _larger(fields.bytes_of(conditions.larger_than))
    if conditions.smaller_than is not None:
        yield _smaller(fields.bytes_of(conditions.smaller_than))
    if conditions.type is not None:
        yield _of_type(frozenset(conditions.type))
    if conditions.tier is not None:
        yield _of_tier(frozenset(conditions.tier))
    if conditions.prefix is not None:
        yield _begins(conditions.prefix)
    if conditions.glob is not None:
        yield by_glob(conditions.glob).tests[0]
    if conditions.tags is not None:
        yield _tagged(conditions.tags)


def _dates(conditions: Conditions, moment: str | None, *, unknown: bool) -> Iterator[Test]:
    if conditions.older_than is not None:
        yield by_age(_earlier(_ago(moment, conditions.older_than)), unknown=unknown)
    if conditions.newer_than is not None:
        yield by_age(_later(_ago(moment, conditions.newer_than)), unknown=unknown)
    if conditions.modified_before is not None:
        yield by_age(_earlier(_day(conditions.modified_before)), unknown=unknown)
    if conditions.modified_since is not None:
        yield by_age(_later(_day(conditions.modified_since)), unknown=unknown)


def _ago(moment: str | None, period: str) -> float:
    assert moment is not None, "a batch with relative ages has an instant"
    return seconds_of(moment) - fields.period_seconds(period)


def _day(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def _earlier(edge: float) -> Callable[[float], bool]:
    return lambda at: at < edge


def _later(edge: float) -> Callable[[float], bool]:
    return lambda at: at >= edge


def _larger(size: int) -> Test:
    return lambda _, obj: obj.size > size


def _smaller(size: int) -> Test:
    return lambda _, obj: obj.size < size


def _of_type(types: frozenset[str]) -> Test:
    return lambda _, obj: obj.kind in types


def _of_tier(tiers: frozenset[str]) -> Test:
    return lambda _, obj: (obj.tier or "").lower() in tiers


def _begins(prefix: str) -> Test:
    return lambda name, _: name.startswith(prefix)


def _tagged(tags: Mapping[str, str]) -> Test:
    wanted = set(tags.items())
    return lambda _, obj: wanted <= set(obj.tags.items())
