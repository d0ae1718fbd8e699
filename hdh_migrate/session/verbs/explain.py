"""Say of one object which rule decides about it, and what becomes of it.

The source is asked for this one object, so that it can be asked before any run. Where there is a
ledger, it stands beside what a run made of the object.
"""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.errors import Missing, UsageError
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Listed, ObjectInfo, Place, State, Untagged
from hdh_migrate.model.naming import key_given, name_in
from hdh_migrate.pipeline.rules.selecting import NOTED, REFUSALS
from hdh_migrate.plan.datasets import Dataset
from hdh_migrate.results.objects import Becomes, Explained, ExplainedObject, FoundObject, KeptObject
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.choices import Choices, said
from hdh_migrate.session.policy.erased import erasures, said_of
from hdh_migrate.session.policy.object_by_key import object_by_key
from hdh_migrate.wiring import Services


def explain(desk: Desk, key: str, datasets: list[str]) -> Explained:
    """Return what becomes of the object of this key, in each dataset that it may belong to.

    Raises:
        UsageError: no dataset has such a key, or there is no such dataset.
        AccessDenied, AuthFailed: the source does not let us ask.
    """
    plan = desk.loaded.plan
    desk.demand_datasets(datasets)
    asked = [
        one for one in plan.datasets
        if (not datasets or one.name in datasets) and key.startswith(one.source.place.prefix)
    ]  # fmt: skip
    if not asked:
        raise UsageError(
            "no dataset of the plan has a key that begins so",
            hint="give the key as the source has it, its prefix included",
        )
    services = desk.services(write=False, looks=False)
    choices = Choices.of(desk)
    gone = _erased(desk)
    explained = [_explained(desk, services, choices, one, key) for one in asked]
    for one in explained:
        if (said_so := gone.get(one["dataset"])) is not None and one["becomes"] != "not there":
            one["becomes"], one["code"], one["why"] = "left alone", None, said_so
            one["target_key"] = None
    return {"datasets": explained}


def _erased(desk: Desk) -> dict[str, str]:
    """Return, in words and by its name, of each dataset whose headers were erased that it was so.

    No run touches it any more, whatever rules say.
    """
    if not desk.ledger_path.exists():
        return {}
    ledger = SqliteLedger.read_only(desk.ledger_path, desk.clock)
    try:
        return {name: said_of(name, one) for name, one in erasures(ledger).items()}
    finally:
        ledger.close()


def _explained(
    desk: Desk, services: Services, choices: Choices, dataset: Dataset, key: str
) -> ExplainedObject:
    rules, place = choices.rules[dataset.name], dataset.source.place
    explained: ExplainedObject = {
        "dataset": dataset.name,
        "source": None,
        "rule": None,
        "asks": None,
        "reason": None,
        "becomes": "not there",
        "code": None,
        "why": None,
        "target_key": None,
        "ages_count_from": rules.moment,
        "ages_fixed": dataset.name in choices.fixed,
        "ledger": _kept(desk, choices, dataset.name, key),
    }
    try:
        wanted = key_given(key) if place.every_version else key
        obj = desk.retrying()(lambda: services.source.listed(place, wanted))
    except Missing as error:
        explained["why"] = str(error) if error.code else _nothing_then(place)
        return explained
    explained["source"] = _found(obj)
    if "tags" in rules.asks and services.source.untagged(place) is not None:
        why = services.source.untagged(place)
        explained["becomes"], explained["why"] = (
            "unknown",
            (
                "its rules ask for index tags, which the credential may not read"
                if why is Untagged.DENIED
                else "its rules ask for index tags, which the source's account has not"
            ),
        )
        return explained
    decided = rules.decide(name_in(obj.key).removeprefix(place.prefix), obj)
    if decided.place:
        explained["rule"] = decided.place
        explained["asks"], explained["reason"] = said(dataset, decided.place)
    listed = choices.decide(dataset.name, obj)
    explained["becomes"], explained["code"], explained["why"] = _becomes(listed)
    if listed.state is State.LISTED:
        explained["target_key"] = choices.routes[dataset.name].target_key(obj.key)
    return explained


def _nothing_then(place: Place) -> str | None:
    """Say when it is that there is nothing; None: now, which needs no words."""
    return None if place.as_of is None else f"there was no such object at {place.as_of}"


def _becomes(listed: Listed) -> tuple[Becomes, str | None, str | None]:
    match listed.state:
        case State.EXCLUDED:
            return "left behind", None, None
        case State.REFUSED:
            code = str(listed.reason)
            return "refused", code, next(text for one, text in REFUSALS.items() if one == code)
        case State.FAILED:
            code = str(listed.reason)
            return "not moved", code, f"not a plain object: {code.removeprefix('kind-')}"
        case _:
            noted = [code for code in (listed.reason or "").split(",") if code]
            why = "; ".join(text for one, text in NOTED.items() if one in noted)
            return "moved", ",".join(noted) or None, f"it has {why}" if why else None


def _found(obj: ObjectInfo) -> FoundObject:
    return {
        "size": obj.size,
        "version": obj.version,
        "modified": obj.modified,
        "type": obj.kind,
        "tier": obj.tier,
        "tags": dict(obj.tags),
    }


def _kept(desk: Desk, choices: Choices, dataset: str, key: str) -> KeptObject | None:
    """Return what a ledger knows of the object; None: there is no ledger, or not of it."""
    if not desk.ledger_path.exists():
        return None
    ledger = SqliteLedger.read_only(desk.ledger_path, desk.clock)
    try:
        for row in _rows(ledger, dataset):
            if (known := object_by_key(ledger, row, choices.routes[dataset], key)) is not None:
                entry, state = known
                return {
                    "id": entry.id,
                    "state": state.name.lower(),
                    "size": entry.obj.size,
                    "version": entry.obj.version,
                }
    finally:
        ledger.close()
    return None


def _rows(ledger: SqliteLedger, dataset: str) -> Iterator[int]:
    return (row.id for row in ledger.datasets() if row.name == dataset)
