"""What the journal tells, as much of it as may go anywhere: kinds, codes and names of the plan.

Bodies of events hold no object names either; still, only words of the form of names in plans are
taken from them, so that nothing else can come along.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger

_WORD: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ROUTINE: Final = frozenset({"exchanged", "sent", "verified"})
"""One for each portion of objects, or of requests: their sums stand elsewhere."""

WITHIN: Final = 20_000
"""So many events of a journal's end are looked at for what happened lately."""


@frozen
class Happened:
    """One event, or all findings of one code that an event tells of."""

    seq: int
    at: str
    kind: str
    batch: str | None = None
    dataset: str | None = None
    step: str | None = None
    """The step, or the steps joined by `+`."""
    code: str | None = None
    count: int | None = None
    """How many findings were opened."""


def since(ledger: SqliteLedger, seq: int) -> Iterator[Happened]:
    """Yield what happened after an event, oldest first, without what is routine."""
    for number, at, kind, body, _ in ledger.journal(seq):
        if kind not in _ROUTINE:
            yield from _of(number, at, kind, json.loads(body))


def lately(ledger: SqliteLedger, most: int) -> list[Happened]:
    """Return what happened last, the newest last; looks at no more than the journal's end."""
    rows = ledger.journalled_lately(most, within=WITHIN, but=_ROUTINE)
    return [one for seq, at, kind, body in rows for one in _of(seq, at, kind, json.loads(body))][
        -most:
    ]


def _of(seq: int, at: str, kind: str, body: Any) -> Iterator[Happened]:  # noqa: ANN401 - JSON
    known = body if isinstance(body, dict) else {}
    opened = known.get("opened") if kind == "findings" else None
    if isinstance(opened, list):
        found = Counter(
            (_word(one.get("code")), _word(one.get("dataset")))
            for one in opened
            if isinstance(one, dict)
        )
        for (code, dataset), count in found.items():
            yield Happened(seq=seq, at=at, kind="finding", code=code, dataset=dataset, count=count)
        return
    if kind == "findings":
        return  # some were closed, and nothing was found
    yield Happened(
        seq=seq, at=at, kind=kind, batch=_word(known.get("batch")),
        dataset=_word(known.get("dataset")), step=_steps(known), code=_word(known.get("code")),
    )  # fmt: skip


def _steps(value: dict[str, object]) -> str | None:
    steps = value.get("steps")
    found = [_word(one) for one in steps] if isinstance(steps, list) else [_word(value.get("step"))]
    return "+".join(one for one in found if one is not None) or None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None
