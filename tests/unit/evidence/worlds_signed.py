"""A world in which everything that rests on approvals has them as they were signed, by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.fixity import canonical_json
from tests.support.second_cutovers import folded
from tests.support.second_forms import leaf_of, tree_of
from tests.unit.evidence import retold
from tests.unit.evidence.test_second_opinion_rotated import KEPT, NEW, rotated
from tests.unit.evidence.worlds import World, body, hour

KIND = "application/vnd.hdh-migrate.approval+json"
PILOT = {"batch": "pilot", "track": "cutover"}
TESTED = {"ok": True, "objects": 0, "bytes": 0, "commands": [], "failures": []}
"""How smoke tests end of which none is asked for."""
LEDGER = "emc2-exit-0a1b2c"
Payload = dict[str, Any]
Sign = Callable[[str, Payload, Signer], tuple[Payload, Signer]]
"""Says of one approval, by the event's kind, what is signed and by whom."""


def digest(value: Any) -> str:
    return sha256(canonical_json(value)).hexdigest()


def root_of(made: World, batch: str) -> str:
    """Return the root of a batch's lines, as the world has them."""
    names = {one["name"] for one in made["predicate"]["datasets"] if one["batch"] == batch}
    lines = [line for line in made["manifest.jsonl"] if line["dataset"] in names]
    return tree_of([leaf_of(canonical_json(line)) for line in lines]).hex()


def terms(people: Sequence[Signer], window: int, **numbers: int) -> dict[str, Any]:
    approvers = [
        {"fingerprint": one.verifier.fingerprint, "until": None,
         "public": one.verifier.public.public_bytes_raw().hex()}
        for one in people
    ]  # fmt: skip
    thresholds = {"freeze": 1, "cutover": 2, "finalize": 1, "decommission": 2, **numbers}
    return {"approvers": approvers, "thresholds": thresholds, "window_seconds": window}


def approved(people: Sequence[Signer]) -> World:
    """Return the world, not signed yet: `signed` of each event is None."""
    made, now = rotated(), hour(20)
    keys = [one.verifier.fingerprint for one in people]
    first, second = terms(people, 1), terms(people, 2)
    rests = {"approvals": keys, "signed": None}
    under = {"terms": digest(second), **rests}
    at = [event[0] for event in made["journal.jsonl"]].index("keys-rotating")
    made["journal.jsonl"][at:at] = [
        ["ledger-named", hour(10), {"ledger": LEDGER, "approvals": "signed"}],
        ["cutover-terms", hour(10), {**PILOT, "terms": first, "beside": []}],
    ]
    body(made, "keys-rotating").update(approvals={"pilot": keys}, signed={"pilot": None})
    how = {"kind": "statement", "keys": keys[:1]}
    body(made, "cutover-frozen").update(how=how, signed=None)
    root = root_of(made, "pilot")
    switching = {"old_sha256": "a", "new_sha256": "b", "root": root, "strangers": 0,
                 "approved_stage": "cutover", **under}  # fmt: skip
    again = {"number": 2, "recipients": [NEW, KEPT]}
    asked = {
        "grant": "g1", "dataset": "pmsi", "batch": "pilot", "permit": "P-1", "purpose": "care",
        "reader": "c4gh:" + sha256(bytes.fromhex("22" * 32)).hexdigest()[:16], "key": "22" * 32,
        "until": "2027-01-31T23:59:59Z", "selection": None, "objects": 2, "bytes": 30,
        "manifest": "33" * 32,
    }  # fmt: skip
    erased = {
        "dataset": "more", "batch": "pilot", "objects": 1, "bytes": 5, "packs": 0,
        "pack_bytes": 0, "root": sha256().hexdigest(), "although": [],
    }  # fmt: skip
    change = {"was": digest(first), "now": digest(second), "terms": second, "beside": [],
              "difference": ["longer"]}  # fmt: skip
    made["journal.jsonl"] += [
        [kind, now, what]
        for kind, what in (
            ("cutover-terms-changed", {**PILOT, **change, **rests}),
            ("cutover-switching", {**PILOT, **switching}),
            ("cutover-switched", PILOT),
            ("cutover-rolled-back", {**PILOT, "switched": True}),
            ("cutover-switching", {**PILOT, **switching}),
            ("cutover-switched", PILOT),
            ("cutover-smoked", {**PILOT, **TESTED}),
            ("cutover-open", {**PILOT, "until": hour(21)}),
            ("cutover-finalized", {
                **PILOT, "early": False, "reason": None, "root": root,
                "approved_stage": "finalize", **under,
            }),
            ("cutover-agreed", {
                **PILOT, "root": root, "approved_stage": "decommission", **under,
            }),
            ("data-keys-rotating", {
                **again, "request": digest(again), "approvals": {"pilot": keys},
                "signed": {"pilot": None},
            }),
            ("grant-asked", {**asked, "request": digest(asked), "user": "ops@host"}),
            ("grant-given", {
                **dict.fromkeys(("root", "pack_sha256", "statement_sha256"), "55" * 32),
                "grant": "g1", "objects": 2, "bytes": 30, **rests,
            }),
            ("headers-erasing", {
                **erased, "request": digest(erased), "versions": 1, "copies": 1, "headers": 9,
                **rests,
            }),
        )
    ]  # fmt: skip
    return made


def signed(
    made: World,
    people: Sequence[Signer],
    sign: Sign | None = None,
    known: Mapping[str, Signer] = MappingProxyType({}),
) -> World:
    """Let each event have what its keys sign, and the statement say what the events come to.

    Of a key by its fingerprint signs one of the `people`, or of the others that are `known`.
    """
    heads, plan, attempt = [64 * "0"], None, 1
    known = {**{one.verifier.fingerprint: one for one in people}, **known}
    force: Any = None
    for kind, at, what in made["journal.jsonl"]:
        plan = what.get("plan_digest", plan)
        for keys, lists, place, stage, root in _rests(kind, what, made):
            new = what["terms"] if stage == "terms" else force
            payload = {
                "version": 3, "plan_digest": plan, "ledger": LEDGER, "batch": "pilot",
                "stage": stage, "attempt": attempt, "root": root, "terms": digest(new),
                "journal": {"events": len(heads) - 1, "head": heads[-1]},
                "made_at": at, "from": at if stage == "freeze" else None, "expires": hour(59),
                "comment": "",
            }  # fmt: skip
            each = [(payload, known[key]) for key in keys]
            if sign is not None:
                each = [sign(kind, {**one}, by) for one, by in each]
            lists[place] = [by.sign(KIND, canonical_json(one)) for one, by in each]
        if kind in {"cutover-terms", "cutover-terms-changed"}:
            force = what["terms"]
        attempt += kind == "cutover-rolled-back"
        covered = canonical_json([len(heads), at, kind, canonical_json(what).decode()])
        heads.append(sha256(bytes.fromhex(heads[-1]) + covered).hexdigest())
    return stated(made)


def stated(made: World) -> World:
    """Let the statement say what the events come to."""
    events = [(kind, at, what) for kind, at, what in made["journal.jsonl"]]
    said = made["predicate"]
    said["cutovers"] = folded(events)
    for name, told in (("rotations", retold.rotations), ("erasures", retold.erasures)):
        said.pop(name, None)
        if found := told(events):
            said[name] = found
    return made


def _rests(kind: str, what: Any, made: World) -> Iterator[tuple[Any, Any, str, str, Any]]:
    """Yield who signs, the object whose member (named) takes it, for which stage, and its root."""
    if "signed" not in what:
        return
    if kind == "cutover-frozen":
        yield what["how"]["keys"], what, "signed", "freeze", None
    elif kind == "cutover-terms-changed":
        yield what["approvals"], what, "signed", "terms", what["was"]
    elif kind == "grant-given":
        yield what["approvals"], what, "signed", "grant", body(made, "grant-asked")["request"]
    elif kind == "headers-erasing":
        yield what["approvals"], what, "signed", "erase", what["request"]
    elif kind.endswith("rotating"):
        stage = "rotate" if kind == "keys-rotating" else "reseal"
        for batch, keys in what["approvals"].items():
            yield keys, what["signed"], batch, stage, what["request"]
    else:
        yield what["approvals"], what, "signed", what["approved_stage"], what["root"]
