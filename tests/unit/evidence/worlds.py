"""Worlds: what a bundle is made from, by hand, so that a test may break one rule of it.

A *world* is lines, events and the predicate, written here from docs/evidence-format.md alone. Each
change breaks one rule (or none), all that follows from it is drawn and signed again, and both
verifiers must say what the document does.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

from hdh_migrate.fixity import canonical_json
from tests.support.second_forms import raw_key, tree_of
from tests.support.second_story import leaf
from tests.unit.evidence.builders import bundle, dataset, facts, record, signer
from tests.unit.evidence.forgery import JSONL, Desk, Files, carry, digest_of, load

World = dict[str, Any]
Change = Callable[[World], object]
MD5, NOTHING = "0" * 32, sha256().hexdigest()
NOTHING_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
DIRECTORY = "a directory of a hierarchical namespace: it has no content"


def desk_in(tmp: Path) -> Desk:
    """Return a desk at which worlds are sealed."""
    keys = (signer(tmp, "one"), signer(tmp, "two"))
    about = facts(dataset(1), dataset(1, name="scans", batch="imaging"))
    lines = [record("a"), record("a", dataset="scans")]
    bundle(tmp / "good", lines, about=about, signer=keys[0])
    return Desk(tmp / "changed", load(tmp / "good"), keys)


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
    if kind == "looked-again":
        return {name: len(one) if isinstance(one, list) else one for name, one in body.items()}
    if kind in {"bound", "batch-amended"} and "recipients" in body:
        return {**body, "recipients": len(body["recipients"])}
    if kind == "restored":
        return {"left_out": ["id"]}
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


def accepted(desk: Desk, worlds: dict[str, World]) -> list[str]:
    """Return which worlds both verifiers take; they must not differ."""
    taken = desk.agree((name, laid(desk, made)) for name, made in worlds.items())
    return [name for name, is_good in taken.items() if is_good]


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


def tell(kind: str, number: int = 0, /, **values: Any) -> Change:
    return lambda made: body(made, kind, number).update(values)


def insert(at: int, kind: str, when: str, **what: Any) -> Change:
    return lambda made: made["journal.jsonl"].insert(at, [kind, when, what])


def untold(kind: str, number: int, name: str) -> Change:
    """Take a member out of the body of the n-th event of a kind."""
    return lambda made: body(made, kind, number).pop(name)


def place_of(made: World, kind: str, number: int = 0) -> int:
    return [at for at, event in enumerate(made["journal.jsonl"]) if event[0] == kind][number]


def insert_before(kind: str, number: int, *event: Any) -> Change:
    return lambda made: made["journal.jsonl"].insert(place_of(made, kind, number), [*event])


def gone(kind: str, number: int = 0) -> Change:
    return lambda made: made["journal.jsonl"].pop(place_of(made, kind, number))


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


def refused(desk: Desk, made: World, changes: dict[str, tuple[Change, str]]) -> None:
    """Hold that both refuse each change, and the second for the rule that these words name."""
    wrong = []
    for what, (change, words) in changes.items():
        first, other = desk.judge(laid(desk, made, change))
        if not first or not any(words in one for one in other):
            wrong.append(f"{what}: {first} / {other}")
    assert not wrong, "\n".join(wrong)


def moved_event(at: int, to: int) -> Change:
    return lambda made: made["journal.jsonl"].insert(to, made["journal.jsonl"].pop(at))


def timed(at: int, when: str) -> Change:
    return lambda made: made["journal.jsonl"][at].__setitem__(1, when)
