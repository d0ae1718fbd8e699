"""The two verifiers agree where one rule of docs/evidence-format.md, sections 7.3 to 10, is broken.

A *world* is what a bundle is made from: lines, events and the predicate, written here by hand from
the document alone. Each change breaks one rule (or none), all that follows from it is drawn and
signed again, and both verifiers must say what the document does.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hdh_migrate.fixity import canonical_json
from tests.support import second_verifier as second
from tests.support.second_forms import merkle_root, raw_key, tree_of
from tests.support.second_journal import leaf
from tests.unit.evidence.builders import bundle, dataset, facts, record, signer
from tests.unit.evidence.forgery import JSONL, Desk, Files, carry, digest_of, load
from tests.unit.evidence.test_second_opinion import DRAWS, changes_of, drawn

World = dict[str, Any]
Change = Callable[[World], object]
MD5, NOTHING = "0" * 32, sha256().hexdigest()
NOTHING_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
DIRECTORY = "a directory of a hierarchical namespace: it has no content"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    tmp = tmp_path_factory.mktemp("told")
    keys = (signer(tmp, "one"), signer(tmp, "two"))
    about = facts(dataset(1), dataset(1, name="scans", batch="imaging"))
    lines = [record("a"), record("a", dataset="scans")]
    bundle(tmp / "good", lines, about=about, signer=keys[0])
    return Desk(tmp / "changed", load(tmp / "good"), keys)


# --- worlds ---------------------------------------------------------------------------------------


def hour(second: int) -> str:
    return f"2026-03-02T08:00:{second:02}Z"


def moved(name: str, key: str, size: int, **changes: Any) -> dict[str, Any]:
    place = {"target_key": f"{name}/{key.removeprefix('in/')}.c4gh", "verified_at": hour(10)}
    made = {"dataset": name, "size": size, "source_md5": MD5, "sha256": "11" * 32, **place}
    return record(key, **{**made, **changes})


def waiting(name: str, key: str, size: int) -> dict[str, Any]:
    unknown = ("sha256", "stored_size", "stored_sha256", "target_etag", "level", "verdict")
    return moved(name, key, size, **dict.fromkeys(unknown), verified_at=None)


def left(key: str, size: int, rule: str, reason: str) -> dict[str, Any]:
    about = {"rule": rule, "reason": reason, "source_version": "v"}
    return {"dataset": "pmsi", "key": key, "size": size, **about}


def told(number: int, **changes: Any) -> dict[str, Any]:
    made = {"number": number, "at": hour(7), "code": "c", "severity": "note", "message": "m"}
    return {**made, "dataset": None, "object": None, **changes}


def listed(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the line of a finding that an event opens."""
    kept = {name: value for name, value in event.items() if name != "object"}
    return {**kept, "step": None, **changes}


def sum_of(rows: list[Any]) -> dict[str, Any]:
    leaves = [leaf(row) for row in sorted(rows, key=raw_key)]
    size = sum(row["size"] for row in rows)
    return {"objects": len(rows), "bytes": size, "root": tree_of(leaves).hex()}


def inventory(name: str, rows: list[Any], behind: list[Any]) -> dict[str, Any]:
    return {"dataset": name, **sum_of([*rows, *behind]), "excluded": sum_of(behind)}


def manifest() -> list[Any]:
    raw = {"key_b64": base64.b64encode(b"z\xff").decode()}
    raw["target_key_b64"] = base64.b64encode(b"scans/z\xff.c4gh").decode()
    return [
        moved("more", "a", 5, target_key="pmsi/more/a.c4gh"),
        moved("pmsi", "in/a", 0, sha256=NOTHING, source_md5=NOTHING_MD5),
        moved("pmsi", "in/b", 70_000),
        moved("pmsi", "in/c", 9, verdict="mismatch"),
        waiting("pmsi", "in/d", 9),
        moved("scans", "x", 1),
        moved("scans", "z\\xff", 3, target_key="scans/z\\xff.c4gh", **raw),
    ]


def world() -> World:
    """Return lines, events and statement of a migration to which much has happened."""
    lines = manifest()
    behind = [
        left("in/_t/y", 8, "exclude **/_t/**", "scratch"),
        left("in/_t/z", 9, "exclude **/_t/**", "scratch"),
        left("in/dir", 0, "directory", DIRECTORY),
    ]
    pmsi, scans = lines[1:5], lines[5:]
    before = {**pmsi[1], "size": 6}
    earlier = [pmsi[0], before, pmsi[2], {**behind[0], "size": 7}]
    tree = leaf(pmsi[1]).hex()
    plan = digest_of(predicate()["plan"]["canonical"])
    return {
        "manifest.jsonl": lines,
        "exclusions.jsonl": behind,
        "findings.jsonl": [
            listed(told(2, dataset="pmsi"), key="in/a"),
            listed(told(4, code="d"), key=None, step="verify"),
        ],
        "journal.jsonl": [
            ["run-started", hour(0), {"plan_digest": plan}],
            ["inventoried", hour(1), inventory("pmsi", earlier, behind[2:])],
            ["inventoried", hour(2), inventory("scans", scans[:1], [])],
            ["inventoried", hour(2), inventory("more", lines[:1], [])],
            [
                "inventory-changed",
                hour(3),
                {
                    "dataset": "pmsi",
                    "joined": [leaf(pmsi[3]).hex()],
                    "joined_excluded": [leaf(behind[1]).hex()],
                    "changed": [[leaf(before).hex(), "ab" * 32], ["ab" * 32, tree]],
                    "changed_excluded": [[leaf(earlier[3]).hex(), leaf(behind[0]).hex()]],
                },
            ],
            ["inventoried", hour(4), inventory("pmsi", pmsi, behind)],
            ["sent", hour(5), {"ids": [1, 2, 3, 7]}],
            ["sent", hour(6), {"ids": [2, 2, 8]}],
            [
                "findings",
                hour(7),
                {"opened": [told(1), told(2, dataset="pmsi", object=7)], "closed": [1]},
            ],
            ["findings", hour(7), {"opened": [told(4, code="d")]}],
            ["verified", hour(8), {"ids": [1, 2, 7, 9], "datasets": {"pmsi": 2, "scans": 2}}],
            ["verified", hour(8), {"ids": [8], "datasets": {"more": 1}}],
            ["superseded", hour(9), {"dropped": [9], "dropped_datasets": {"scans": 1}}],
            ["verified", hour(10), {"ids": [9], "datasets": {"scans": 1}}],
            ["failed", hour(11), {"ids": [3, 4], "datasets": {"pmsi": 2}}],
            ["retried", hour(11), {"ids": [4], "datasets": {"pmsi": 1}}],
            ["inventory-changed", hour(12), {"dataset": "scans", "joined": [leaf(scans[1]).hex()]}],
            ["cutover-frozen", hour(13), {"batch": "pilot", "track": "cutover", **FREEZE}],
            ["cutover-done", hour(14), {"batch": "pilot", "track": "cutover"}],
            ["cutover-done", hour(15), {"batch": "pilot", "track": "cutover"}],
            [
                "run-ended",
                hour(16),
                {"traffic": [traffic("source", 1, [B, A]), traffic("target", 2, [C])]},
            ],
            ["run-started", hour(17), {"plan_digest": plan}],
            ["probed", hour(17), {"record_sha256": digest_of(predicate()["capabilities"])}],
            ["run-ended", hour(18), {"traffic": [traffic("source", 3, [A])]}],
            ["run-started", hour(19), {"plan_digest": plan, "any": "thing"}],
        ],
        "predicate": predicate(),
    }


A, B, C = "20.0.0.1", "20.0.0.2", "2a01::1%eth0"
FREEZE = {"how": "x", "relists": 2, "interval_seconds": 60}
URL = {"source": "https://a.example", "target": "https://s3.example"}


def traffic(side: str, many: int, addresses: list[str]) -> dict[str, Any]:
    amounts = dict.fromkeys(("bytes_read", "bytes_written", "requests"), many)
    about = {"side": side, "endpoint": URL.get(side, "https://x.example")}
    return {**about, **amounts, "addresses": addresses}


def entry(batch: str = "pilot", track: str = "cutover", **changes: Any) -> dict[str, Any]:
    """What stands of a cutover of which nothing was told."""
    nulls = (
        "since", "on_this_machine", "waits", "root", "freeze", "smoke", "window_until",
        "written_by_consumers", "finalized", "terms",
    )  # fmt: skip
    decommission = {"recheck": None, "requested": None, "observed": None, "outcomes": {}}
    made = {
        "batch": batch, "track": track, "stage": "not started", **dict.fromkeys(nulls),
        "times": {}, "approvals": {}, "approved_under": {}, "delta": [], "terms_changes": [],
        "keys_beside": [], "attempt": 1, "not_ours_before_the_switch": 0,
        "pointer": {"old_sha256": None, "new_sha256": None}, "decommission": decommission,
    }  # fmt: skip
    return {**made, **changes}


def place(bucket: str, prefix: str) -> dict[str, str]:
    return {"bucket": bucket, "prefix": prefix}


def tallied(name: str, batch: str, objects: int, size: int, *places: dict[str, str]) -> Any:
    tally = {"inventoried": {"objects": objects, "bytes": size}}
    about = {"name": name, "batch": batch, "closed": True, "tally": tally}
    return {**about, "source": places[0], "target": places[1]}


def predicate() -> dict[str, Any]:
    rules = {"include": ["**"], "exclude": [{"glob": "**/_t/**", "reason": "scratch"}]}
    url = URL
    amounts = ("bytes_read", "bytes_written", "requests")
    waiver = {
        "what": "x", "reason": "y", "by": "z", "file": "f", "made_at": hour(1),
        "until": "2026-03-02", "key_id": "ed25519:" + "1" * 16, "sha256": "ab" * 32,
    }  # fmt: skip
    host = {"provider": "p", "regions": ["x", "r"], "endpoints": ["x", url["target"] + "/"]}
    return {
        "names": "plain",
        "previous_statement": None,
        "rehearsal": False,
        "times": {
            "started": hour(0), "ended": hour(18), "written": hour(30), "clock_offsets": {},
        },
        "plan": {
            "digest": {},
            "canonical": {
                "migration": "emc2-exit",
                "source": {"kind": "azure-blob", "account_url": url["source"]},
                "target": {
                    "provider": "p", "region": "r", "endpoint": url["target"],
                    "attestation": {"a": 1},
                },
                "seal": {"format": "crypt4gh", "recipients": ["x", "y"]},
                "verify": {"level": "full"},
                "waivers": "w.yaml",
                "datasets": [
                    {
                        "name": "pmsi", "source": {"container": "c", "prefix": "in/"},
                        "target": {"bucket": "hds-emc2", "prefix": "pmsi/"}, **rules,
                    },
                    {
                        "name": "scans", "source": {"container": "s"}, "ignore_md5": "why",
                        "target": {"bucket": "hds-emc2", "prefix": "scans/"},
                    },
                    {
                        "name": "more", "source": {"path": "/m"},
                        "target": {"bucket": "hds-emc2", "prefix": "pmsi/more/"},
                    },
                ],
                "batches": [
                    {"name": "pilot", "datasets": ["pmsi", "more"]},
                    {"name": "imaging", "datasets": ["scans"]},
                ],
            },
        },
        "datasets": [
            tallied("pmsi", "pilot", 7, 70_035, place("c", "in/"), place("hds-emc2", "pmsi/")),
            tallied("scans", "imaging", 2, 4, place("s", ""), place("hds-emc2", "scans/")),
            tallied("more", "pilot", 1, 5, place("/m", ""), place("hds-emc2", "pmsi/more/")),
        ],
        "endpoints": [
            {
                "side": "source", "kind": "azure-blob", "region": None, "url": url["source"],
                "local": False, **dict.fromkeys(amounts, 4), "addresses": [A, B],
            },
            {
                "side": "target", "kind": "p", "region": "r", "url": url["target"],
                "local": False, **dict.fromkeys(amounts, 2), "addresses": [C],
            },
        ],
        "profile": {"name": "p", "more": 1},
        "attestation": {"reference": {"a": 1}, "more": 1, **host},
        "capabilities": {"endpoint": url["target"], "region": "r"},
        "waivers": [waiver],
        "cutovers": [
            entry(times={"frozen": hour(13), "done": hour(15)}, freeze=FREEZE),
        ],
        "seal": {"format": "crypt4gh", "recipients": ["c4gh:" + "1" * 16, "c4gh:" + "2" * 16]},
        "verification": {
            "level": "full", "sha256_taken_in_transfer": 2, "sha256_taken_in_verify": 3,
        },
        "losses": [
            {"dataset": "pmsi", "what": "tags", "objects": 3, "kept": "ledger"},
            *(
                {"dataset": name, "what": "modified", "objects": many, "kept": "manifest"}
                for name, many in (("more", 1), ("pmsi", 3), ("scans", 2))
            ),
        ],
        "paces": [
            {
                "step": "transfer", "started": hour(5), "ended": hour(6), "seconds": 0.334,
                "bins": [{"objects": 4, "bytes": 9}, {"objects": 0, "bytes": 0},
                         {"objects": 3, "bytes": 0}],
            },
            {
                "step": "verify", "started": hour(8), "ended": hour(10), "seconds": 2,
                "bins": [{"objects": 6, "bytes": 1}],
            },
        ],
    }  # fmt: skip


def in_keyed_names(made: World) -> World:
    """Give this world the form of a bundle with keyed names."""
    made["predicate"]["names"] = "keyed"
    renamed: dict[tuple[str, str], str] = {}
    for name in ("manifest.jsonl", "exclusions.jsonl"):
        for number, line in enumerate(made[name]):
            for key in ("key", "target_key"):
                line.pop(f"{key}_b64", None)
                if key in line:
                    there = (line["dataset"], line[key])
                    line[key] = f"k:{sha256(f'{name}{number}{key}'.encode()).hexdigest()}"
                    renamed |= {there: line[key]} if key == "key" else {}
            if name == "manifest.jsonl":
                line["source_md5"] = None
        made[name].sort(key=lambda line: (line["dataset"], line["key"]))
    for finding in made["findings.jsonl"]:
        finding["key"] = renamed.get((finding["dataset"], finding["key"]))
    for event in made["journal.jsonl"]:
        event[2] = keyed_body(event[0], event[2])
    return made


def keyed_body(kind: str, body: Any) -> Any:
    if kind == "inventoried" and "excluded" in body:
        body["excluded"].pop("root", None)
        return {name: one for name, one in body.items() if name != "root"} | {"left_out": ["root"]}
    if kind == "inventory-changed":
        return {name: one if name == "dataset" else len(one) for name, one in body.items()}
    if kind in {"sent", "verified", "failed", "retried"}:
        ids = body.pop("ids")
        return {**body, "objects": len(ids), "left_out": ["ids"]}
    if kind == "superseded" and "dropped" in body:
        return {"dropped_datasets": body["dropped_datasets"], "left_out": ["dropped"]}
    if kind == "findings":
        for one in body.get("opened", []):
            one.pop("object")
    if kind.startswith("cutover-"):
        return {"batch": body["batch"], "left_out": ["track"]}
    return body


def of_an_older_ledger(made: World) -> World:
    """Put events in old form before this world's, which begins anew with what they verified."""
    events = made["journal.jsonl"]
    del events[0]
    receipts = {"ids": [1, 2], "rows_sha256": "x"}
    events[:0] = [
        ["run-started", hour(0), {"plan_digest": digest_of(predicate()["plan"]["canonical"])}],
        ["inventoried", hour(4), {"dataset": "any", "objects": -1}],
        ["sent", hour(3), {"ids": [5]}],
        ["verified", hour(2), receipts],
        ["superseded", hour(1), {"what": "ever"}],
        ["ledger-upgraded", hour(1), {"verified": {"pmsi": 2}}],
    ]
    body(made, "verified", 1).update(ids=[7, 9], datasets={"scans": 2})
    made["predicate"]["paces"][0].update(
        started=hour(3), seconds=3, bins=[{"objects": 8, "bytes": 0}]
    )
    made["predicate"]["paces"][1].update(started=hour(2), seconds=8)
    return made


def body(made: World, kind: str, number: int = 0) -> Any:
    """Return the body of the n-th event of a kind."""
    return [event[2] for event in made["journal.jsonl"] if event[0] == kind][number]


def laid(desk: Desk, made: World, edit: Change | None = None) -> Files:
    """Seal a world: the events are chained, and what is counted is counted."""
    before, made, unchained = made["predicate"], deepcopy(made), {"digest": "0" * 64}
    if edit is not None:
        edit(made)
    events = [
        {"seq": n, "at": at, "kind": kind, "body": canonical_json(what).decode()} | unchained
        for n, (kind, at, what) in enumerate(made["journal.jsonl"], start=1)
    ]
    lines = {name: made[name] for name in JSONL if name != "journal.jsonl"}
    lines["journal.jsonl"] = events
    files = {
        name: b"".join(canonical_json(line) + b"\n" for line in found)
        for name, found in lines.items()
    }
    with suppress(ValueError, TypeError, KeyError, AttributeError, IndexError):
        carry(before, made["predicate"], files)

    def told_so(statement: Any) -> None:
        statement["predicate"].update(made["predicate"])

    return desk.forged(files, told_so, last=False)


def judged(desk: Desk, made: World, changes: dict[str, Change]) -> list[str]:
    """Return which changes leave a good bundle."""
    taken = desk.agree((what, laid(desk, made, change)) for what, change in changes.items())
    return [what for what, good in taken.items() if good]


def both(*changes: Change) -> Change:
    def edit(made: World) -> None:
        for change in changes:
            change(made)

    return edit


def put(*path: Any, **values: Any) -> Change:
    """Set members of what stands at a path in the predicate."""

    def edit(made: World) -> None:
        found = made["predicate"]
        for name in path:
            found = found[name]
        found.update(values)

    return edit


def planned(*path: Any, **values: Any) -> Change:
    return put("plan", "canonical", *path, **values)


def line(number: int, name: str = "manifest.jsonl", **values: Any) -> Change:
    return lambda made: made[name][number].update(values)


def tell(kind: str, number: int = 0, **values: Any) -> Change:
    return lambda made: body(made, kind, number).update(values)


def insert(at: int, kind: str, when: str, **what: Any) -> Change:
    return lambda made: made["journal.jsonl"].insert(at, [kind, when, what])


def without(kind: str) -> Change:
    def edit(made: World) -> None:
        kept = [event for event in made["journal.jsonl"] if event[0] != kind]
        made["journal.jsonl"][:] = kept

    return edit


def drop(*path: Any) -> Change:
    def edit(made: World) -> None:
        found = made
        for name in path[:-1]:
            found = found[name]
        del found[path[-1]]

    return edit


PLAN = ("predicate", "plan", "canonical")


def test_both_take_the_worlds_as_they_are(desk: Desk) -> None:
    for made in (world(), in_keyed_names(world()), of_an_older_ledger(world())):
        assert desk.judge(laid(desk, made)) == ([], [])
    both_ways = in_keyed_names(of_an_older_ledger(world()))
    assert desk.judge(laid(desk, both_ways)) == ([], [])


# --- 7.3 ------------------------------------------------------------------------------------------

GOOD_BESIDE_THE_PLAN: dict[str, Change] = {
    "null for what may lack": planned("seal", suffix=None),
    "a suffix that is the usual one": planned("seal", suffix=".c4gh"),
    "no endpoint in the plan": planned("target", endpoint=None),
    "nothing known of the target": put(profile=None, attestation=None, capabilities=None),
    "no waiver": put(waivers=[]),
    "no waiver in either": both(put(waivers=[]), planned(waivers=None)),
    "a waiver beyond": lambda w: w["predicate"]["waivers"][0].update(until="2027"),
    "an ended at the time of writing": put("times", written="2026-03-02T08:00:19.0Z"),
    "a fraction of nothing": put("times", written="2026-03-02T08:00:19.000+00:00"),
    "losses of all": put("losses", 0, objects=3),
    "an include that is not there": drop(*PLAN, "datasets", 0, "include"),
    "a batch of none": lambda w: w["predicate"]["plan"]["canonical"]["batches"].append(
        {"name": "z", "datasets": []}
    ),
    "all digests taken in one step": put(
        "verification", sha256_taken_in_transfer=5, sha256_taken_in_verify=0
    ),
    "batches of one name": both(
        planned("batches", 1, name="pilot"), put("datasets", 1, batch="pilot")
    ),
}
BAD_BESIDE_THE_PLAN: dict[str, Change] = {
    "another migration": planned(migration="x"),
    "another container": planned("datasets", 0, "source", container="x"),
    "another source prefix": put("datasets", 1, "source", prefix="x"),
    "a folder's prefix": put("datasets", 2, "source", prefix="x"),
    "no place at the source": drop(*PLAN, "datasets", 2, "source", "path"),
    "another target prefix": planned("datasets", 0, "target", prefix="x/"),
    "another batch": put("datasets", 0, batch="imaging"),
    "one endpoint": lambda w: w["predicate"]["endpoints"].pop(),
    "three endpoints": lambda w: w["predicate"]["endpoints"].append(
        w["predicate"]["endpoints"][1]
    ),
    "endpoints exchanged": lambda w: w["predicate"]["endpoints"].reverse(),
    "two sources": put("endpoints", 1, side="source"),
    "another kind": put("endpoints", 0, kind="folder"),
    "a region of the source": put("endpoints", 0, region="r"),
    "another account": put("endpoints", 0, url="https://x.example"),
    "another provider": put("endpoints", 1, kind="x"),
    "another region": both(put("endpoints", 1, region="x"), put("capabilities", region="x")),
    "no region in the plan": planned("target", region=None),
    "another address": both(
        put("endpoints", 1, url="https://x"), put("capabilities", endpoint="https://x")
    ),
    "a local address that the plan does not name": both(
        planned("target", endpoint=None),
        put("endpoints", 1, url="http://localhost", local=True),
        put("capabilities", endpoint="http://localhost"), put(attestation=None),
    ),
    "another seal": put("seal", format="none"),
    "a seal that there is not": both(put("seal", format="x"), planned("seal", format="x")),
    "a recipient less": lambda w: w["predicate"]["seal"]["recipients"].pop(),
    "a recipient more in the plan": lambda w: w["predicate"]["plan"]["canonical"]["seal"][
        "recipients"
    ].append("z"),
    "a recipient that is none": put("seal", recipients=["c4gh:" + "1" * 16, "x"]),
    "a recipient in upper case": put(
        "seal", recipients=["c4gh:" + "1" * 16, "c4gh:" + "A" * 16]
    ),
    "a recipient twice": put("seal", recipients=["c4gh:" + "1" * 16] * 2),
    "another level": put("verification", level="head"),
    "another level of the plan": planned("verify", level="head"),
    "a digest less": put("verification", sha256_taken_in_transfer=1),
    "a digest more": put("verification", sha256_taken_in_verify=4),
    "written before it ended": put("times", written=hour(17)),
    "another profile": put("profile", name="x"),
    "a profile of no name": drop("predicate", "profile", "name"),
    "another attestation": put("attestation", reference={"a": 2}),
    "no reference": drop("predicate", "attestation", "reference"),
    "an attestation that the plan has not": planned("target", attestation=None),
    "an attestation of nothing": both(
        planned("target", attestation=None), put("attestation", reference=None)
    ),
    "an attestation of a local target": both(
        planned("target", endpoint="http://[::1]"),
        put("endpoints", 1, url="http://[::1]", local=True),
        put("capabilities", endpoint="http://[::1]"),
    ),
    "capabilities of another address": put("capabilities", endpoint="x"),
    "capabilities of another region": put("capabilities", region="x"),
    "capabilities of no region": drop("predicate", "capabilities", "region"),
    "a waiver that the plan has not": planned(waivers=None),
    "a waiver that has ended": lambda w: w["predicate"]["waivers"][0].update(until="2026-03-01"),
    "a waiver of no end": lambda w: w["predicate"]["waivers"][0].pop("until"),
    "a waiver until 2026": lambda w: w["predicate"]["waivers"][0].update(until="2026"),
    "losses of none": put("losses", 0, objects=0),
    "losses of more": put("losses", 0, objects=4),
    "losses of no dataset": put("losses", 0, dataset="x"),
    "losses twice": lambda w: w["predicate"]["losses"].append(w["predicate"]["losses"][0]),
    "a cutover of no batch": put("cutovers", 0, batch="x"),
    "another track": put("cutovers", 0, track="x"),
    "a cutover twice": lambda w: w["predicate"]["cutovers"].append(w["predicate"]["cutovers"][0]),
    "no cutover": put(cutovers=[]),
    "a cutover more": lambda w: w["predicate"]["cutovers"].append(
        {"batch": "pilot", "track": "rehearsal", "times": {}}
    ),
    "cutover times of others": put("cutovers", 0, times={"done": hour(15)}),
    "the first time of a cutover": put(
        "cutovers", 0, times={"frozen": hour(13), "done": hour(14)}
    ),
    "no cutover times": drop("predicate", "cutovers", 0, "times"),
    "no waivers by the plan's empty list": both(put(waivers=[{}]), planned(waivers=[])),
}  # fmt: skip


def test_a_statement_beside_its_plan_is_judged_alike(desk: Desk) -> None:
    assert judged(desk, world(), GOOD_BESIDE_THE_PLAN) == [*GOOD_BESIDE_THE_PLAN]
    assert judged(desk, world(), BAD_BESIDE_THE_PLAN) == []


# --- 7.5 and 7.6 ----------------------------------------------------------------------------------


def ruled(**values: Any) -> Change:
    return planned("datasets", 0, **values)


def excluded_by(glob: str, reason: str = "scratch") -> Change:
    """Exclude by this glob, and say so on the lines that the old glob left behind."""
    said = {"rule": f"exclude {glob}", "reason": reason}
    return both(
        ruled(exclude=[{"glob": glob, "reason": reason}]),
        line(0, "exclusions.jsonl", **said),
        line(1, "exclusions.jsonl", **said),
    )


def unsealed(made: World) -> None:
    """Change to the format `none`: the same bytes at the target, without suffix and recipients."""
    made["predicate"]["seal"] = {"format": "none", "recipients": []}
    made["predicate"]["plan"]["canonical"]["seal"] = {"format": "none", "recipients": None}
    for one in made["manifest.jsonl"]:
        one["target_key"] = one["target_key"].removesuffix(".c4gh")
        if "target_key_b64" in one:
            one["target_key_b64"] = base64.b64encode(b"scans/z\xff").decode()
        if one["stored_size"] is not None:
            one.update(stored_size=one["size"], stored_sha256=one["sha256"])


def at_level(level: str, **known: Any) -> Change:
    def edit(made: World) -> None:
        made["predicate"]["verification"]["level"] = level
        made["predicate"]["plan"]["canonical"]["verify"]["level"] = level
        for one in made["manifest.jsonl"]:
            if one["verdict"] == "match":
                one.update(level=level, **known)
        if known.get("sha256", "") is None:
            taken = dict.fromkeys(("sha256_taken_in_transfer", "sha256_taken_in_verify"), 0)
            made["predicate"]["verification"].update(taken)

    return edit


GLOBS_THAT_MATCH = (
    "**/_t/?", "_t/*", "_t/**", "*/?", "**_t**", "?t/*", "_t**/**", "*_t/***",
    "**/**/_t/?",
)  # fmt: skip
BAD_GLOBS = ("", "!x", "a\\b", "[a]", "{a}", "a]", "}", "x\\", 1, None, ["x"])
GOOD_LINES: dict[str, Change] = {
    "no format": unsealed,
    "a level of the stored bytes": at_level("stored", sha256=None),
    "a level of the head": at_level(
        "head", sha256=None, stored_size=None, stored_sha256=None
    ),
    "no moment of a failure": line(3, verified_at=None),
    "a failure at another level": line(3, level="head", stored_size=3, stored_sha256="22" * 32),
    "verified when it started": line(1, verified_at=hour(0)),
    "verified when it was written": line(1, verified_at=hour(30)),
    "another suffix": both(
        planned("seal", suffix=".x"),
        lambda w: [
            one.update(target_key=one["target_key"].replace(".c4gh", ".x")) or
            (one.get("target_key_b64") and one.update(
                target_key_b64=base64.b64encode(b"scans/z\xff.x").decode()))
            for one in w["manifest.jsonl"]
        ],
    ),
    "a glob that a surrogate is in": ruled(
        exclude=[{"glob": "\udcff", "reason": "x"}, {"glob": "**/_t/**", "reason": "scratch"}]
    ),
    "a byte as it is shown": planned(
        "datasets", 1, exclude=[{"glob": "z\\\\xff", "reason": "x"}]
    ),
    "a star that crosses no folder": ruled(
        exclude=[{"glob": "*y", "reason": "x"}, {"glob": "**/_t/**", "reason": "scratch"}]
    ),
    "an escaped star": ruled(
        exclude=[{"glob": "\\*", "reason": "x"}, {"glob": "**/_t/**", "reason": "scratch"}]
    ),
}  # fmt: skip
BAD_LINES: dict[str, Change] = {
    "another bucket": line(3, bucket="x"),
    "another target key": line(3, target_key="pmsi/x.c4gh"),
    "a target key with no suffix": line(3, target_key="pmsi/c"),
    "a target key with the source prefix": line(3, target_key="pmsi/in/c.c4gh"),
    "a suffix that the plan has not": planned("seal", suffix=""),
    "another level": line(1, level="stored"),
    "verified before the run": line(3, verified_at="2026-03-02T07:59:59.999Z"),
    "verified after it was written": line(3, verified_at="2026-03-02T08:00:30.0000001Z"),
    "a byte more is stored": line(2, stored_size=70_289),
    "a byte less is stored": line(2, stored_size=70_287),
    "the digest of nothing": line(2, sha256=NOTHING),
    "nothing with a digest": line(1, sha256="11" * 32),
    "nothing is stored": line(1, stored_sha256=NOTHING),
    "one digest before and after": line(2, stored_sha256="11" * 32),
    "two digests of one": both(unsealed, line(2, stored_sha256="22" * 32)),
    "something is stored of nothing": both(unsealed, line(1, stored_sha256="22" * 32)),
    "stored otherwise than it is": both(unsealed, line(2, stored_size=70_001)),
    "a reason that is not the plan's": line(0, "exclusions.jsonl", reason="x"),
    "a rule that is not the plan's": line(0, "exclusions.jsonl", rule="exclude x"),
    "a rule of no glob": line(0, "exclusions.jsonl", rule="x"),
    "not included though it is": line(
        0, "exclusions.jsonl", rule="not included",
        reason="it matches none of the dataset's `include` globs",
    ),
    "a directory with a size": line(
        0, "exclusions.jsonl", rule="directory", reason=DIRECTORY
    ),
    "a directory of another reason": line(2, "exclusions.jsonl", reason="x"),
    "a file that no rule leaves behind": line(
        2, "exclusions.jsonl", rule="exclude **/_t/**", reason="scratch"
    ),
    "a rule that leaves a line behind": ruled(
        exclude=[{"glob": "**/_t/**", "reason": "scratch"}, {"glob": "c", "reason": "x"}]
    ),
    "an include that leaves a line behind": ruled(include=["**/_t/**", "dir", "?x"]),
    "an earlier rule that matches": ruled(
        exclude=[{"glob": "**/y", "reason": "x"}, {"glob": "**/_t/**", "reason": "scratch"}]
    ),
    "no rule any more": ruled(exclude=[]),
    "another case": excluded_by("**/_T/**"),
    "a star for a folder": excluded_by("*"),
    "a question mark for a slash": excluded_by("_t??"),
    "a part of the name": excluded_by("_t"),
    "rules that are no list": ruled(exclude={"x": 1}),
    "a rule of no reason": ruled(exclude=[{"glob": "**/_t/**"}]),
}  # fmt: skip


def test_lines_beside_the_plan_are_judged_alike(desk: Desk) -> None:
    good = GOOD_LINES | {f"matching {glob}": excluded_by(glob) for glob in GLOBS_THAT_MATCH}
    assert judged(desk, world(), good) == [*good]
    bad = BAD_LINES | {
        f"the bad glob {glob!r}": planned("datasets", 2, exclude=[{"glob": glob, "reason": "x"}])
        for glob in BAD_GLOBS
    }
    bad |= {f"the bad include {glob!r}": planned("datasets", 2, include=["**", glob])
            for glob in BAD_GLOBS}  # fmt: skip
    assert judged(desk, world(), bad) == []


GLOB_NAMES = (b"", b"/", b"a", b"a/b", b"a/b/c", b"/a", b"a/", b"b", b"ab", b"\xff", b"a\xff/b",
              b"*", b"a\nb", b"\\", "é".encode(), "e\u0301".encode(), b"[", b"!a")  # fmt: skip
GLOBS = ("**/", "**", "*", "?", "a/**", "**/a", "**/b", "a/**/b", "*/*", "a**b", "***", "****",
         "**/?", "?/b", "\\*", "\\\\", "\\[", "\\!a", "a/**/**/b", "é", "**/**", "*/", "/**/",
         "a**/b", "**a", "/*")  # fmt: skip


def test_a_glob_means_the_same_to_both(desk: Desk) -> None:
    """Each glob beside each name, once as if it matched and once as if it did not."""

    def case(glob: str, name: bytes) -> Change:
        def edit(made: World) -> None:
            plan = made["predicate"]["plan"]["canonical"]
            plan["datasets"][1]["exclude"] = [{"glob": glob, "reason": "x"}]
            key = name.decode("utf-8", "backslashreplace")
            raw = key.encode() != name
            row = {**moved("scans", key, 1), "key": key}
            if raw:
                row["key_b64"] = base64.b64encode(name).decode()
                there = b"scans/" + name + b".c4gh"
                row["target_key_b64"] = base64.b64encode(there).decode()
            made["manifest.jsonl"][5:] = [row]
            made["journal.jsonl"][2][2] = inventory("scans", [row], [])
            changed = [event for event in made["journal.jsonl"] if event[0] == "inventory-changed"]
            made["journal.jsonl"].remove(changed[1])
            made["predicate"]["datasets"][1]["tally"]["inventoried"] = {"objects": 1, "bytes": 1}
            body(made, "verified", 0).update(ids=[1, 2, 9], datasets={"pmsi": 2, "scans": 1})
            made["predicate"]["paces"][1]["bins"] = [{"objects": 5, "bytes": 1}]
            made["predicate"]["verification"]["sha256_taken_in_verify"] = 2

        return edit

    spots = [(glob, name) for glob in GLOBS for name in GLOB_NAMES if name]
    chosen = drawn(spots, 8 * DRAWS)
    taken = desk.agree(
        (f"{glob} {name!r}", laid(desk, world(), case(glob, name))) for glob, name in chosen
    )
    assert set(taken.values()) == {True, False}


def test_two_objects_at_one_place_are_refused_by_both(desk: Desk) -> None:
    def shared(made: World) -> None:
        row = moved("pmsi", "in/more/a", 9)
        made["manifest.jsonl"].insert(4, row)
        made["manifest.jsonl"].sort(key=lambda one: (one["dataset"], one["key"]))
        made["manifest.jsonl"].remove(next(o for o in made["manifest.jsonl"] if o["key"] == "in/d"))
        pmsi = [one for one in made["manifest.jsonl"] if one["dataset"] == "pmsi"]
        body(made, "inventoried", 3).update(inventory("pmsi", pmsi, made["exclusions.jsonl"]))
        body(made, "inventory-changed")["joined"] = [leaf(row).hex()]
        body(made, "verified", 1).update(ids=[8, 10], datasets={"more": 1, "pmsi": 1})
        made["predicate"]["paces"][1]["bins"][0]["objects"] = 7
        made["predicate"]["verification"]["sha256_taken_in_verify"] = 4

    def failed(made: World) -> None:
        made["manifest.jsonl"][0]["verdict"] = "missing"
        body(made, "verified", 1).update(ids=[10], datasets={"pmsi": 1})
        body(made, "failed").update(ids=[3, 4, 8], datasets={"pmsi": 2, "more": 1})
        made["predicate"]["paces"][1]["bins"][0]["objects"] = 6
        made["predicate"]["verification"]["sha256_taken_in_verify"] = 3

    cases = {"both verified": shared, "one failed": both(shared, failed)}
    assert judged(desk, world(), cases) == ["one failed"]


# --- 8 --------------------------------------------------------------------------------------------


def moved_event(at: int, to: int) -> Change:
    return lambda made: made["journal.jsonl"].insert(to, made["journal.jsonl"].pop(at))


def timed(at: int, when: str) -> Change:
    return lambda made: made["journal.jsonl"][at].__setitem__(1, when)


GOOD_JOURNALS: dict[str, Change] = {
    "another kind": insert(3, "x", hour(2), any={"a": [1.5]}),
    "run-ended that says more": tell("run-ended", 0, more=1),
    "traffic that says more": lambda w: body(w, "run-ended")["traffic"][0].update(more=1),
    "traffic of a third side": lambda w: body(w, "run-ended")["traffic"].append(
        traffic("third", 9, ["x"])
    ),
    "sent that says more": tell("sent", 0, more=1),
    "verified that says more": tell("verified", 0, more=1),
    "superseded that says more": tell("superseded", 0, more=1),
    "failed that says more": tell("failed", 0, more=1),
    "a cutover that says more": tell("cutover-done", 0, more=1),
    "counts of none": lambda w: body(w, "verified")["datasets"].update(more=0),
    "nobody retried": insert(-1, "retried", hour(18), ids=[], datasets={}),
    "no findings opened": insert(-1, "findings", hour(18), opened=[]),
    "no findings closed": insert(-1, "findings", hour(18), closed=[]),
    "nothing joined": insert(-1, "inventory-changed", hour(18), dataset="more", joined=[]),
    "there and back": insert(
        -1, "inventory-changed", hour(18), dataset="more",
        changed=[[leaf(manifest()[0]).hex(), "cd" * 32], ["cd" * 32, leaf(manifest()[0]).hex()]],
    ),
    "from itself to itself": insert(
        -1, "inventory-changed", hour(18), dataset="more",
        changed=[[leaf(manifest()[0]).hex(), leaf(manifest()[0]).hex()]],
    ),
    "the last when it was written": timed(-1, hour(30)),
    "a ledger-upgraded at the beginning": lambda w: w["journal.jsonl"].insert(
        0, ["ledger-upgraded", hour(0), {"verified": {}}]
    ),
}  # fmt: skip
CHANGED = "inventory-changed"
BAD_JOURNALS: dict[str, Change] = {
    # forms
    "no traffic": lambda w: body(w, "run-ended").pop("traffic"),
    "traffic of no side": lambda w: body(w, "run-ended")["traffic"][0].update(side=""),
    "negative traffic": lambda w: body(w, "run-ended")["traffic"][0].update(requests=-1),
    "traffic as a float": lambda w: body(w, "run-ended")["traffic"][0].update(requests=1.0),
    "an empty address": lambda w: body(w, "run-ended")["traffic"][0].update(addresses=[""]),
    "inventoried with more": tell("inventoried", 0, more=1),
    "inventoried of no dataset": tell("inventoried", 0, dataset="x"),
    "excluded with more": lambda w: body(w, "inventoried")["excluded"].update(more=1),
    "no root": lambda w: body(w, "inventoried", 2).pop("root"),
    "no root of the excluded": lambda w: body(w, "inventoried", 2)["excluded"].pop("root"),
    "a change of nothing": insert(-1, CHANGED, hour(18), dataset="more"),
    "a change with more": insert(-1, CHANGED, hour(18), dataset="more", joined=[], more=1),
    "a change of no dataset": insert(-1, CHANGED, hour(18), joined=[]),
    "a change of an unknown dataset": insert(-1, CHANGED, hour(18), dataset="x", joined=[]),
    "a change to three": insert(
        -1, CHANGED, hour(18), dataset="more", changed=[["ab" * 32] * 3]
    ),
    "a leaf that is none": insert(-1, CHANGED, hour(18), dataset="more", joined=["x"]),
    "a count for leaves": insert(-1, CHANGED, hour(18), dataset="more", joined=0),
    "ids that are none": tell("sent", 0, ids=["1", 2, 3]),
    "true for an id": tell("sent", 0, ids=[True, 2, 3]),
    "no ids": lambda w: body(w, "sent").pop("ids"),
    "an id twice": tell("verified", 0, ids=[1, 1, 7, 9]),
    "a failed id twice": tell("failed", 0, ids=[3, 3]),
    "a dropped id twice": tell("superseded", 0, dropped=[9, 9], dropped_datasets={"scans": 2}),
    "counts that do not add up": tell("verified", 0, ids=[1, 2, 7]),
    "failures that do not add up": tell("failed", 0, ids=[3]),
    "dropped that do not add up": tell("superseded", 0, dropped=[]),
    "counts of an unknown dataset": lambda w: body(w, "verified")["datasets"].update(x=0),
    "a count below nothing": tell("verified", 0, datasets={"pmsi": 2, "scans": 3, "more": -1}),
    "a count that is a float": tell("verified", 0, datasets={"pmsi": 2.0, "scans": 2}),
    "failed of no dataset": lambda w: body(w, "failed").pop("datasets"),
    "findings of nothing": insert(-1, "findings", hour(18)),
    "findings with more": insert(-1, "findings", hour(18), opened=[], more=1),
    "findings that are no list": insert(-1, "findings", hour(18), opened={}),
    "a finding with more": lambda w: body(w, "findings")["opened"][0].update(more=1),
    "a finding without an object": lambda w: body(w, "findings")["opened"][0].pop("object"),
    "a finding of no severity": lambda w: body(w, "findings")["opened"][0].update(severity="x"),
    "a finding of no code": lambda w: body(w, "findings")["opened"][0].update(code=""),
    "a finding of no moment": lambda w: body(w, "findings")["opened"][0].update(at=None),
    "a cutover of no batch": lambda w: body(w, "cutover-done").pop("batch"),
    "a cutover of no track": lambda w: body(w, "cutover-done").pop("track"),
    "an event that is a list": lambda w: w["journal.jsonl"].append(["x", hour(20), []]),
    # 8.1
    "an event before the last": timed(3, hour(1)),
    "the last after it was written": timed(-1, hour(31)),
    "an event in old form": insert(-1, "superseded", hour(18), what="ever"),
    "an event in old form at first": lambda w: w["journal.jsonl"].insert(
        1, ["inventoried", hour(0), {}]
    ),
    "a ledger-upgraded in the middle": insert(9, "ledger-upgraded", hour(7), verified={}),
    # 8.2
    "other counts of another inventory": tell("inventoried", 3, objects=8),
    "other excluded of another inventory": lambda w: body(w, "inventoried", 3)["excluded"].update(
        objects=2
    ),
    "more superseded than verified": moved_event(12, 9),
    "more retried than failed": moved_event(15, 13),
    "a change before its inventory": moved_event(4, 1),
    "open though it was inventoried": put("datasets", 0, closed=False),
    "closed though it was not": lambda w: w["journal.jsonl"].pop(3),
    "one verified less": tell("verified", 1, ids=[], datasets={}),
    "one failed less": tell("failed", 0, ids=[4], datasets={"pmsi": 1}),
    "one failed more": tell("retried", 0, ids=[], datasets={}),
    "a line verified that is not": line(3, verdict="match"),
    "a verified line less": line(1, verdict="missing"),
    "another tally": put("datasets", 0, "tally", inventoried={"objects": 8, "bytes": 70_035}),
    "another tally in bytes": put(
        "datasets", 0, "tally", inventoried={"objects": 7, "bytes": 70_036}
    ),
    "other bytes": tell("inventoried", 3, bytes=1),
    "other excluded bytes": lambda w: body(w, "inventoried", 3)["excluded"].update(bytes=1),
    "a finding less": lambda w: w["findings.jsonl"].pop(),
    "no finding": lambda w: w["findings.jsonl"].clear(),
    "a closed finding": lambda w: w["findings.jsonl"].insert(
        0, {**told(1), "key": None, "step": None}
    ),
    "numbers that do not ascend": lambda w: (
        body(w, "findings", 1)["opened"][0].update(number=2)
    ),
    "a number that comes again": lambda w: body(w, "findings", 1)["opened"].insert(0, told(1)),
    "a finding closed twice": insert(-1, "findings", hour(18), closed=[1]),
    "a finding closed that was never": insert(-1, "findings", hour(18), closed=[9]),
    "a finding of a key": line(1, "findings.jsonl", key="x"),
    "a finding of no key": line(0, "findings.jsonl", key=None),
    "a finding at another time": line(0, "findings.jsonl", at=hour(8)),
    "a finding with another code": line(0, "findings.jsonl", code="x"),
    "a finding with another severity": line(0, "findings.jsonl", severity="blocker"),
    "a finding of another dataset": line(0, "findings.jsonl", dataset="scans"),
    "a finding with another message": line(0, "findings.jsonl", message="x"),
    "another root": tell("inventoried", 3, root="0" * 64),
    "another root at first": tell("inventoried", 0, root="0" * 64),
    "another root of the excluded": lambda w: body(w, "inventoried", 3)["excluded"].update(
        root="0" * 64
    ),
    "another root of the excluded at first": lambda w: body(w, "inventoried")["excluded"].update(
        root="0" * 64
    ),
    "other counts at first": tell("inventoried", 1, objects=2),
    "another size of a line": line(4, size=10),
    "another version of a line": line(4, source_version="x"),
    "another version of an exclusion": line(0, "exclusions.jsonl", source_version="x"),
    "one joined that is left behind": lambda w: body(w, CHANGED).update(
        joined=body(w, CHANGED)["joined_excluded"], joined_excluded=body(w, CHANGED)["joined"]
    ),
    "one changed that is left behind": lambda w: body(w, CHANGED).update(
        changed=[*body(w, CHANGED)["changed"], *body(w, CHANGED)["changed_excluded"]],
        changed_excluded=[],
    ),
    "changes out of order": lambda w: body(w, CHANGED)["changed"].reverse(),
    "one joined twice": insert(
        -1, CHANGED, hour(18), dataset="more", joined=[leaf(manifest()[0]).hex()]
    ),
    "one joined that is no line": insert(
        -1, CHANGED, hour(18), dataset="more", joined=["cd" * 32]
    ),
    "one changed to another's": insert(
        -1, CHANGED, hour(18), dataset="pmsi",
        changed=[[leaf(manifest()[1]).hex(), leaf(manifest()[2]).hex()]],
    ),
    "one changed from another's": insert(
        -1, CHANGED, hour(18), dataset="pmsi",
        changed=[[leaf(manifest()[1]).hex(), leaf(manifest()[4]).hex()]],
    ),
    "one changed to no line": insert(
        -1, CHANGED, hour(18), dataset="more", changed=[[leaf(manifest()[0]).hex(), "cd" * 32]]
    ),
    # 8.3
    "another start": put("times", started=hour(1)),
    "no start": put("times", started=None),
    "another spelling of the start": put("times", started="2026-03-02T08:00:00.0Z"),
    "another end": put("times", ended=hour(16)),
    "no end": put("times", ended=None),
    "a byte more read": put("endpoints", 0, bytes_read=5),
    "a byte more written": put("endpoints", 1, bytes_written=3),
    "a request more": put("endpoints", 0, requests=5),
    "another address": put("endpoints", 0, addresses=["a", "c"]),
    "addresses out of order": put("endpoints", 0, addresses=["b", "a"]),
    "an address twice": put("endpoints", 0, addresses=["a", "a", "b"]),
    "no transfer": lambda w: w["predicate"]["paces"].pop(0),
    "no verify": lambda w: w["predicate"]["paces"].pop(),
    "a pace twice": lambda w: w["predicate"]["paces"].append(w["predicate"]["paces"][0]),
    "another pace's start": put("paces", 0, started=hour(6)),
    "another pace's end": put("paces", 0, ended=hour(7)),
    "another pace's amount": put("paces", 0, bins=[{"objects": 4, "bytes": 1}]),
    "bytes of none": put("paces", 0, bins=[{"objects": 5, "bytes": 1}, {"objects": 0, "bytes": 1}]),
    "no sent": without("sent"),
    "no verified": without("verified"),
    "no runs": without("run-started"),
}  # fmt: skip


def test_a_journal_that_tells_otherwise_is_judged_alike(desk: Desk) -> None:
    assert judged(desk, world(), GOOD_JOURNALS) == [*GOOD_JOURNALS]
    assert judged(desk, world(), BAD_JOURNALS) == []


def opened_again(name: str) -> Change:
    """Leave out that a dataset was inventoried, and say that it is open."""

    def edit(made: World) -> None:
        kept = [
            event
            for event in made["journal.jsonl"]
            if event[0] not in {"inventoried", CHANGED} or event[2]["dataset"] != name
        ]
        made["journal.jsonl"][:] = kept
        for one in made["predicate"]["datasets"]:
            if one["name"] == name:
                one["closed"] = False

    return edit


def simple(made: World) -> None:
    """Verify each object once, so that the bytes of the bins are known."""
    body(made, "verified").update(ids=[1, 2, 7], datasets={"pmsi": 2, "scans": 1})
    made["journal.jsonl"] = [e for e in made["journal.jsonl"] if e[0] != "superseded"]
    size = sum(one["size"] for one in made["manifest.jsonl"] if one["verdict"] == "match")
    made["predicate"]["paces"][1]["bins"] = [{"objects": 5, "bytes": size}]


def test_open_datasets_and_bytes_of_paces_are_judged_alike(desk: Desk) -> None:
    cases: dict[str, Change] = {
        "open": opened_again("more"),
        "open and other counts": both(
            opened_again("more"),
            put("datasets", 2, "tally", inventoried={"objects": 9, "bytes": 1}),
        ),
        "open and changed": both(
            opened_again("more"), insert(-1, CHANGED, hour(18), dataset="more", joined=[])
        ),
        "open and failed": opened_again("pmsi"),
        "open and lines failed that no event tells": both(
            opened_again("pmsi"), without("failed"), without("retried")
        ),
        "bytes of what was verified": simple,
        "other bytes": both(
            simple, lambda w: w["predicate"]["paces"][1]["bins"][0].update(bytes=1)
        ),
    }
    good = judged(desk, world(), cases)
    assert good == ["open", "open and other counts", "open and lines failed that no event tells",
                    "bytes of what was verified"]  # fmt: skip


def test_an_older_ledger_is_judged_alike(desk: Desk) -> None:
    def upgraded(w: World) -> Any:
        return body(w, "ledger-upgraded")

    old = {"ids": [1], "rows_sha256": "x"}
    cases: dict[str, Change] = {
        "counts that are 0": lambda w: upgraded(w)["verified"].update(scans=0),
        "with more": lambda w: upgraded(w).update(more=1),
        "times before it": timed(4, hour(0)),
        "no counts": lambda w: upgraded(w).pop("verified"),
        "counts of an unknown dataset": lambda w: upgraded(w)["verified"].update(x=0),
        "other counts": lambda w: upgraded(w)["verified"].update(pmsi=1),
        "twice": lambda w: w["journal.jsonl"].insert(6, w["journal.jsonl"][5]),
        "none": lambda w: w["journal.jsonl"].pop(5),
        "old after it": lambda w: w["journal.jsonl"].insert(6, ["verified", hour(1), old]),
        "old inventory after it": lambda w: w["journal.jsonl"].insert(
            6, ["inventoried", hour(1), {}]
        ),
        "new before it": insert(2, "verified", hour(1), ids=[], datasets={}),
        "superseded before it": insert(
            2, "superseded", hour(1), dropped=[], dropped_datasets={}
        ),
        "a finding before it": insert(2, "findings", hour(1), closed=[]),
        "a failure before it": insert(2, "failed", hour(1), ids=[], datasets={}),
        "a retry before it": insert(2, "retried", hour(1), ids=[], datasets={}),
        "a change before it": insert(2, CHANGED, hour(1), dataset="pmsi", joined=[]),
        "an inventory in new form before it": lambda w: w["journal.jsonl"].insert(
            2, w["journal.jsonl"][6]
        ),
        "an event before it in time": timed(6, hour(0)),
        "itself before the event before it": timed(5, hour(0)),
        "ids twice in old form": lambda w: body(w, "verified").update(ids=[1, 1]),
        "no ids in old form": lambda w: body(w, "verified").pop("ids"),
        "a cutover before it": lambda w: w["journal.jsonl"].insert(
            2, ["cutover-frozen", hour(1), {"batch": "pilot", "track": "cutover"}]
        ),
    }  # fmt: skip
    good = judged(desk, of_an_older_ledger(world()), cases)
    assert good == [
        "counts that are 0", "with more", "times before it",
        "itself before the event before it", "a cutover before it",
    ]  # fmt: skip

    def only_old(made: World) -> None:
        del made["journal.jsonl"][5:]

    assert judged(desk, of_an_older_ledger(world()), {"only old": only_old}) == []


def test_keyed_names_are_judged_alike(desk: Desk) -> None:
    cases: dict[str, Change] = {
        "an empty left_out": tell("sent", left_out=[]),
        "a left_out less": lambda w: body(w, "sent").pop("left_out"),
        "a finding's key": line(1, "findings.jsonl", key="x"),
        "cutover times": put("cutovers", 0, times={}),
        "the same name twice at the target": lambda w: w["manifest.jsonl"][0].update(
            target_key=w["manifest.jsonl"][1]["target_key"]
        ),
        "a digest of nothing": line(2, sha256=NOTHING),
        "the rule of another exclusion": line(
            0, "exclusions.jsonl", rule="exclude **/_t/**", reason="scratch"
        ),
        "a key that is no digest": line(3, key="x"),
        "a key in upper case": line(3, key="k:" + "F" * 64),
        "a target key that is none": line(3, target_key="x"),
        "an excluded key that is none": line(0, "exclusions.jsonl", key="x"),
        "an MD5": line(3, source_md5=MD5),
        "another bucket": line(3, bucket="x"),
        "another rule": line(0, "exclusions.jsonl", rule="exclude x"),
        "no objects": lambda w: body(w, "sent").pop("objects"),
        "an amount that does not add up": tell("verified", objects=3),
        "a root": tell("inventoried", root="0" * 64),
        "leaves": tell(CHANGED, joined=["ab" * 32]),
        "an object": lambda w: body(w, "findings")["opened"][0].update(object=None),
        "an inventory of other counts": tell("inventoried", 3, objects=8),
        "a batch that no event tells": without("cutover-done"),
        "no event of a batch": both(without("cutover-done"), without("cutover-frozen")),
        "a track": tell("cutover-done", track="cutover"),
    }  # fmt: skip
    good = judged(desk, in_keyed_names(world()), cases)
    assert good == [
        "an empty left_out", "a left_out less", "a finding's key", "cutover times",
        "the same name twice at the target", "a digest of nothing", "the rule of another exclusion",
        "a batch that no event tells", "a track",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "keyed", "older"])
def test_one_other_value_in_an_event_or_a_plan_is_judged_alike(desk: Desk, kind: str) -> None:
    made = {
        "plain": world,
        "keyed": lambda: in_keyed_names(world()),
        "older": lambda: of_an_older_ledger(world()),
    }[kind]()
    for name in ("journal.jsonl", "plan"):
        whole = made[name] if name == "journal.jsonl" else made["predicate"][name]["canonical"]
        changes = drawn(changes_of(whole), 6 * DRAWS)

        def inside(edit: Change, name: str = name) -> Change:
            if name == "journal.jsonl":
                return lambda made: edit(made[name])
            return lambda made: edit(made["predicate"]["plan"]["canonical"])

        cases = []
        for what, edit in changes:
            try:
                cases.append((what, laid(desk, made, inside(edit))))
            except (TypeError, ValueError, AttributeError):
                continue  # no event at all any more
        desk.agree(cases)
    counted = ("datasets", "names", "plan", "previous_statement", "rehearsal")
    rest = {name: one for name, one in made["predicate"].items() if name not in counted}
    desk.agree(
        (what, laid(desk, made, lambda made, edit=edit: edit(made["predicate"])))
        for what, edit in drawn(changes_of(rest), 6 * DRAWS)
    )


# --- 9 and 10 -------------------------------------------------------------------------------------


def test_pages_are_judged_alike(desk: Desk) -> None:
    def page(whole: bytes) -> Files:
        files = laid(desk, world())
        statement = json.loads(base64.b64decode(json.loads(files["statement.json"])["payload"]))
        digest = sha256(canonical_json(statement["predicate"])).hexdigest().encode()
        files["report.xx.html"] = whole.replace(b"DIGEST", digest)
        found = sha256(files["report.xx.html"]).hexdigest()
        statement["subject"].append({"name": "report.xx.html", "digest": {"sha256": found}})
        return desk.signed(files, statement)

    meta = b'<meta name="statement-predicate-sha256" content="DIGEST">'
    pages = {
        "one meta": meta + b"<title>",
        "a title more": b"<p>\xff" + meta + b"<title><title>" + b" " * 99_999,
        "no title": meta,
        "after the title": b"<title>" + meta,
        "before and after": meta + b"<title>" + meta,
        "another digest": meta.replace(b"DIGEST", b"0" * 64) + b"<title>",
        "another beside it": meta + meta.replace(b"DIGEST", b"0" * 64) + b"<title>",
        "half a meta after it": meta + b"<title>" + meta[:40],
        "upper case": meta.replace(b"meta", b"META") + b"<title>",
        "nothing": b"",
        "far behind": b" " * 200_000 + meta + b"<title>",
        "a second one far behind": meta + b"<title>" + b" " * 200_000 + meta,
    }
    taken = desk.agree((what, page(whole)) for what, whole in pages.items())
    good = [what for what, holds in taken.items() if holds]
    assert good == ["one meta", "a title more", "no title", "far behind"]


def note(journal: bytes, key: Ed25519PrivateKey, **changes: Any) -> bytes:
    size = changes.get("size", 3)
    root = merkle_root(journal.split(b"\n")[: int(size)])
    origin = changes.get("origin", "hdh-migrate/emc2-exit/journal")
    told = changes.get("root", base64.b64encode(root).decode())
    text = f"{origin}\n{size}\n{told}\n".encode()
    lines = signature(text, key, changes.get("name", "w"))
    return text + b"\n" + changes.get("lines", b"") + lines + changes.get("tail", b"")


def signature(text: bytes, key: Ed25519PrivateKey, name: str) -> bytes:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    content = sha256(name.encode() + b"\n\x01" + raw).digest()[:4] + key.sign(text)
    return f"\N{EM DASH} {name} {base64.b64encode(content).decode()}\n".encode()


def test_checkpoints_are_judged_alike(desk: Desk, tmp_path: Path) -> None:
    """The first verifier is asked as an auditor asks it, in a process of its own."""
    keys = {"mine": Ed25519PrivateKey.generate(), "other": Ed25519PrivateKey.generate()}
    mine, other = keys.values()
    files = laid(desk, world())
    journal, many = files["journal.jsonl"], files["journal.jsonl"].count(b"\n")
    foreign = signature(b"x", other, "y")
    notes: dict[str, bytes] = {
        "a part": note(journal, mine),
        "all": note(journal, mine, size=many),
        "one event": note(journal, mine, size=1),
        "no event": note(journal, mine, size=0),
        "others' signatures": note(journal, mine, lines=foreign, tail=foreign),
        "by the name of the origin": note(journal, mine, name="hdh-migrate/emc2-exit/journal"),
        "twice": note(journal, mine) + note(journal, mine).split(b"\n\n")[1],
        "more than all": note(journal, mine, size=many + 1),
        "another root": note(journal, mine, root=base64.b64encode(bytes(32)).decode()),
        "a short root": note(journal, mine, root=base64.b64encode(bytes(31)).decode()),
        "another origin": note(journal, mine, origin="hdh-migrate/x/journal"),
        "a zero in front": note(journal, mine, size="03"),
        "a plus": note(journal, mine, size="+3"),
        "a fourth line": note(
            journal, mine, root=note(journal, mine).split(b"\n")[2].decode() + "\nx"
        ),
        "another's": note(journal, other),
        "a name with a space": note(journal, mine, name="a b"),
        "a name with a plus": note(journal, mine, name="a+b"),
        "no signature": note(journal, mine).split(b"\n\n")[0] + b"\n\n",
        "no end": note(journal, mine)[:-1],
        "a line more": note(journal, mine, tail=b"x\n"),
        "an empty line more": note(journal, mine, tail=b"\n"),
        "a hyphen": note(journal, mine, tail=foreign.replace("\N{EM DASH}".encode(), b"-")),
        "a short signature": note(journal, mine, tail="\N{EM DASH} x AAAA\n".encode()),
        "carriage returns": note(journal, mine).replace(b"\n", b"\r\n"),
        "nothing": b"",
        "no text": b"\xff" + note(journal, mine),
        "too long": note(journal, mine, tail=foreign * 700),
        "long": note(journal, mine, tail=foreign * 500),
    }  # fmt: skip
    pem = mine.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "w.pub").write_bytes(pem)
    own = desk.keys[0].verifier.public
    spki = own.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "o.pub").write_bytes(spki)
    assert desk.judge(files) == ([], [])
    trusted = {
        sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest(): (key, None)
        for key in (own, mine.public_key())
    }
    apart, good = [], []
    for what, content in notes.items():
        (tmp_path / "note").write_bytes(content)
        command = [sys.executable, desk.folder / "verify.py", desk.folder]
        command += ["--checkpoint", tmp_path / "note"]
        command += ["--trust", tmp_path / "o.pub", "--trust", tmp_path / "w.pub"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        second_says = second.verify(desk.folder, trusted, 1, content)
        if (asked.returncode == 0) != (not second_says) or asked.returncode not in (0, 2, 10):
            apart.append(f"{what}: {asked.returncode} {asked.stdout}{asked.stderr} / {second_says}")
        good += [what] if not second_says else []
    assert not apart, "\n".join(apart)
    assert good == [
        "a part", "all", "one event", "no event", "others' signatures",
        "by the name of the origin", "twice", "long",
    ]  # fmt: skip


# --- found by these two, where the first did not do what the document says ------------------------


def test_equal_is_equal_in_canonical_json(desk: Desk) -> None:
    cases: dict[str, Change] = {
        "an attestation of another type": put("attestation", reference={"a": 1.0}),
        "an attestation that is true": put("attestation", reference={"a": True}),
        "a waiver until an object": lambda w: w["predicate"]["waivers"][0].update(until={"x": 1}),
        "a waiver until a list": lambda w: w["predicate"]["waivers"][0].update(until=["x"]),
        "a waiver until a number": lambda w: w["predicate"]["waivers"][0].update(until=9),
    }
    assert judged(desk, world(), cases) == []


def test_a_byte_that_is_no_text_is_no_character_of_a_glob(desk: Desk) -> None:
    rules = [{"glob": "z\udcff", "reason": "x"}]
    cases = {"a lone surrogate": planned("datasets", 1, exclude=rules)}
    assert judged(desk, world(), cases) == ["a lone surrogate"]


def test_no_event_beside_keyed_names_has_ids(desk: Desk) -> None:
    cases: dict[str, Change] = {
        "ids": tell("sent", ids=[]),
        "ids verified": tell("verified", ids=[1, 2, 3, 4]),
        "ids failed": tell("failed", ids=[1, 2]),
        "dropped": tell("superseded", dropped=[9]),
    }
    assert judged(desk, in_keyed_names(world()), cases) == []
