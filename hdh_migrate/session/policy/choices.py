"""What a plan would make of objects, judged without a run: by the rules that a run goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hdh_migrate.frozen import frozen
from hdh_migrate.model import VANISHED, Listed, ObjectInfo
from hdh_migrate.pipeline.binding import moments
from hdh_migrate.pipeline.planning import paced
from hdh_migrate.pipeline.rules.ruling import Rules
from hdh_migrate.pipeline.rules.selecting import decide
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.plan.datasets import Dataset
from hdh_migrate.session.desk import Desk
from hdh_migrate.wiring import header_size_of, moments_of, pace_of, routes_of, rules_of

DIRECTORY: Final = "a directory of a hierarchical namespace: it has no content"
UNMATCHED: Final = "it matches nothing of the dataset's `include`"


@frozen
class Choices:
    """The rules of one plan, with the instant that each batch's ages count from."""

    desk: Desk
    routes: Mapping[str, Route]
    rules: Mapping[str, Rules]
    fixed: frozenset[str]
    """Datasets whose instant stands in a journal; that of others is now."""

    @classmethod
    def of(cls, desk: Desk) -> Choices:
        """Return the choices of a desk's plan; a ledger is asked where there is one.

        Raises:
            LedgerDamaged: there is one, and it cannot be read.
        """
        plan, known = desk.loaded.plan, _known(desk)
        counted = moments_of(plan, known, desk.clock.now())
        rules = rules_of(plan, desk.loaded.base, counted)
        return cls(
            desk=desk,
            routes=routes_of(plan),
            rules={name: one.rules for name, one in rules.items()},
            fixed=frozenset(
                name for batch in plan.batches if batch.name in known for name in batch.datasets
            ),
        )

    def decide(self, dataset: str, obj: ObjectInfo) -> Listed:
        """Return what a run that lists this object now would make of it."""
        plan = self.desk.loaded.plan
        return decide(
            obj,
            self.routes[dataset],
            self.rules[dataset],
            paced(self.desk.limits, pace_of(plan)),
            header=header_size_of(plan),
            sealed=plan.seal.encrypts,
        )


def said(dataset: Dataset, place: str) -> tuple[str, str | None]:
    """Return what a rule asks, in words, and why it leaves objects behind; None: it takes them."""
    if place == "directory":
        return "directory", DIRECTORY
    if place == "include":
        return "include", UNMATCHED
    field, _, number = place.partition("[")
    at = int(number.rstrip("]"))
    if field == "include":
        rule = dataset.include[at]
        return (rule if isinstance(rule, str) else rule.words), None
    exclusion = dataset.exclude[at]
    return exclusion.words, exclusion.reason


def left_by(dataset: Dataset, word: str) -> tuple[str, str, str | None]:
    """Return place, words and reason of what left objects behind, by the ledger's word for it."""
    if word == VANISHED:
        return word, word, "gone from the source since it was listed"
    place = {"not-included": "include", "directory": "directory"}.get(word)
    place = place or f"exclude[{word.removeprefix('exclude-')}]"
    return place, *said(dataset, place)


def _known(desk: Desk) -> Mapping[str, str]:
    if not desk.ledger_path.exists():
        return {}
    from hdh_migrate.ledger import SqliteLedger

    ledger = SqliteLedger.read_only(desk.ledger_path, desk.clock)
    try:
        return moments(ledger)
    finally:
        ledger.close()
