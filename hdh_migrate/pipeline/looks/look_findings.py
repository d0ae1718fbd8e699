"""What looks at the target left open: one finding about each object, the current one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from hdh_migrate.codes import Code
from hdh_migrate.events.looks import ObjectAccepted
from hdh_migrate.model import Verified
from hdh_migrate.pipeline.looks.whose import ACCEPTED, DAMAGED, REPLACED
from hdh_migrate.pipeline.workers.rechecking import BESIDE, GONE, LOST, UNPROVEN, UNREAD, WORDS
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.ports.ledger import Ledger

CODES = {
    REPLACED: Code.TARGET_REPLACED,
    UNREAD: Code.TARGET_UNREAD,
    UNPROVEN: Code.TARGET_UNPROVEN,
    ACCEPTED: Code.TARGET_ACCEPTED,
    BESIDE: Code.TARGET_BESIDE,
    LOST: Code.DECOMMISSION_TARGET_LOST,
}
"""Findings of verified objects that stay verified."""

DETAIL = {
    REPLACED: (
        "somebody else's object is under the key; nothing was overwritten. Keep it aside and send"
        ' ours again: "verify PLAN --again --restore {number}". Take it as it is:'
        ' "verify PLAN --again --accept {number} --reason TEXT"'
    ),
    BESIDE: (
        "its bytes are those that were verified, and the metadata or tags beside them are not those"
        ' that were sent. Keep what is there aside and send ours again: "verify PLAN --again'
        ' --restore {number}". Take it as it is: "verify PLAN --again --accept {number} --reason'
        ' TEXT"'
    ),
    UNREAD: f"{WORDS[UNREAD]}; the next look tries it again",
    UNPROVEN: f"{WORDS[UNPROVEN]}: only a new transfer could prove it",
    LOST: WORDS[LOST],
}


def record(
    ledger: Ledger, number: int, kind: str | None, row: Verified | None, known: dict[str, int]
) -> None:
    """Keep exactly one open finding about an object: the current one; `known` are those open."""
    if kind in {GONE, DAMAGED}:
        return  # listing it again has closed whatever was open
    code = CODES[kind] if kind is not None else None
    if kind not in {UNREAD, UNPROVEN}:  # who could not look knows nothing better
        for was, finding in known.items():
            if was != code:
                ledger.close_finding(finding)
    if kind in DETAIL and code not in known and row is not None and code is not None:
        detail = DETAIL[kind].format(number=number)
        ledger.finding(code, detail, dataset=row.dataset, entry=number)


def accepted(ledger: Ledger, batch: str) -> dict[int, tuple[str, str | None]]:
    """Return what is taken instead of verified objects, by their id: ETag and version id."""
    known = set(open_objects(ledger, batch, {Code.TARGET_ACCEPTED}))
    if not known:
        return {}
    return {
        event.id: (event.etag, event.version_id)
        for _, event in ledger.events(ObjectAccepted)
        if event.batch == batch and event.id in known
    }


def open_objects(ledger: Ledger, batch: str, codes: Collection[str]) -> Iterator[int]:
    """Yield the objects of which a look left something of some codes open, for each of that."""
    names = {row.name for row in working_set(ledger, batch)}
    for one in ledger.findings():
        if one["dataset"] in names and one["object"] is not None and one["code"] in codes:
            yield one["object"]


def open_findings(ledger: Ledger, ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """Return the numbers of what looks left open of some objects, by object and code.

    Of a portion: there may be as many findings as objects.
    """
    found: dict[int, dict[str, int]] = {}
    for (number, code), finding in ledger.told_of(ids).items():
        if code in CODES.values():
            found.setdefault(number, {})[code] = finding
    return found
