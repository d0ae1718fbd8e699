"""Section 8 for the second verifier: what the journal tells, beside the lines and the statement."""

from __future__ import annotations

from tests.support.second_again import (
    check_adoptions,
    check_again_form,
    check_batches_known,
    check_fences,
    check_looks,
    check_passes,
)
from tests.support.second_approvals import check_approvals, check_approved_roots
from tests.support.second_batches import check_batch_form, check_batches
from tests.support.second_bodies import Event, check_form, in_new_form, in_old_form
from tests.support.second_contracts import check_contract_form, check_contracts, check_packs
from tests.support.second_erasures import check_erased_lines, check_erasure_form, check_erasures
from tests.support.second_forms import RULES, Json, instant, need, parse
from tests.support.second_grants import check_grant_form, check_grants
from tests.support.second_judgements import check_judgements
from tests.support.second_plan import Plan
from tests.support.second_receipts import check_openings, check_receipts
from tests.support.second_rotations import check_left, check_rotation_form, check_rotations
from tests.support.second_story import (
    Account,
    Story,
    check_account,
    check_findings,
    check_roots,
    check_vanished,
)
from tests.support.second_waivers import check_waivers

FORMS = (
    check_form, check_again_form, check_batch_form, check_contract_form, check_grant_form,
    check_rotation_form, check_erasure_form,
)  # fmt: skip


def read_told(predicate: Json, lines: dict[str, list[Json]]) -> list[Event]:
    """Return the events, each in the form of its kind."""
    events = [read_event(line) for line in lines["journal.jsonl"]]
    names = {one["name"] for one in predicate["datasets"]}
    keyed = predicate["names"] == "keyed"
    for event in events:
        for check in FORMS:
            check(event, names, keyed)
    return events


def check_told(
    predicate: Json, plan: Plan, lines: dict[str, list[Json]], events: list[Event]
) -> None:
    names = {one["name"] for one in predicate["datasets"]}
    keyed = predicate["names"] == "keyed"
    need(keyed or sum(kind == "bound" for kind, _, _ in events) <= 1, "bound: twice")
    check_order(events)
    check_age(events)
    check_clock(events, predicate["times"]["written"])
    story = Story({name: Account() for name in names}, {})
    for kind, _, body in events[upgrade(events) :]:
        story.take(kind, body, keyed)
    for one in predicate["datasets"]:
        check_account(one, story.accounts[one["name"]], lines)
        if not keyed and one["closed"]:
            check_roots(one["name"], story.accounts[one["name"]], lines)
        if not keyed:
            check_vanished(one["name"], story.accounts[one["name"]], lines["exclusions.jsonl"])
    check_findings(story.open, lines["findings.jsonl"], keyed)
    check_receipts(predicate, events, keyed)
    check_openings(predicate, events, keyed)
    check_contracts(predicate, plan, lines["manifest.jsonl"], events, keyed)
    check_packs(predicate, plan, lines["manifest.jsonl"], events, keyed)  # 7.9
    check_looks(predicate, events, keyed)  # 8.5
    check_passes(events, keyed)  # 8.6
    check_adoptions(events, keyed)  # 8.8
    check_batches(predicate["plan"]["canonical"], events, keyed)  # 8.7
    if not keyed:
        batches = {one["name"]: one["batch"] for one in predicate["datasets"]}
        check_fences(events)  # 8.9
        check_batches_known(predicate, events)
        check_grants(events, batches)  # 8.12
        check_approvals(events, [line["digest"] for line in lines["journal.jsonl"]])  # 8.15
        check_approved_roots(predicate, events)  # 8.15
        check_erased_lines(predicate, plan, lines["manifest.jsonl"], events)  # 8.14
        check_waivers(predicate, events)  # 8.16
        check_judgements(events, [line["digest"] for line in lines["journal.jsonl"]])  # 8.18
    check_rotations(predicate, events, keyed)  # 8.13
    check_left(predicate, lines["manifest.jsonl"], events, keyed)  # 8.13
    check_erasures(predicate, events)  # 8.14


def read_event(line: Json) -> Event:
    where = f"journal.jsonl line {line['seq']}"
    need(RULES["moment"](line["at"]), f"{where}: at")
    try:
        text = line["body"].encode()
    except UnicodeEncodeError:
        text = b""
    body = parse(text, f"{where}: body")
    need(isinstance(body, dict), f"{where}: body is not an object")
    return line["kind"], line["at"], body


def upgrade(events: list[Event]) -> int:
    """Return where the journal begins to tell everything."""
    return next((at for at, event in enumerate(events) if event[0] == "ledger-upgraded"), 0)


def check_order(events: list[Event]) -> None:
    """What comes before the first run, and which plan the journal has when."""
    kinds = [kind for kind, _, _ in events]
    first = kinds.index("run-started") if "run-started" in kinds else len(kinds)
    told = {"inventoried", "sent", "verified", "under-way"}
    need(not told & {*kinds[:first]}, "an event before any run")
    plan = None
    for kind, _, body in events:
        if kind in {"run-started", "plan-changed"}:
            was = body["plan_digest" if kind == "run-started" else "was"]
            need(plan in (None, was), f"{kind}: of another plan than the journal's")
            plan = body.get("now") if kind == "plan-changed" else was


# 8.1 An older ledger ------------------------------------------------------------------------------


def check_age(events: list[Event]) -> None:
    upgrades = [at for at, (kind, _, _) in enumerate(events) if kind == "ledger-upgraded"]
    need(len(upgrades) <= 1, "ledger-upgraded: twice")
    old = [at for at, (kind, _, body) in enumerate(events) if in_old_form(kind, body)]
    new = [at for at, (kind, _, body) in enumerate(events) if in_new_form(kind, body)]
    if upgrades:
        need(all(at < upgrades[0] for at in old), "an event in old form after ledger-upgraded")
        need(all(at > upgrades[0] for at in new), "an event in new form before ledger-upgraded")
    else:
        need(not old, "events in old form, and no ledger-upgraded")


def check_clock(events: list[Event], written: str) -> None:
    times = [instant(at) for _, at, _ in events]
    told = times[upgrade(events) :]
    need(told == sorted(told), "an event before the one that it follows")
    need(times[-1] <= instant(written), "an event after the bundle was written")
