"""What an insider makes follow who changes one place: digests, roots, counts, what is told of it.

Whoever holds ledger and report key can write all of a bundle again. What is signed by others (an
approval, a waiver, a judgement) he cannot sign anew, and what another part of the bundle says he
has changed at that one place only: whether the verifiers see it is what is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any

from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.campaign.forging.walk import JOURNAL, LINES, PLAN, ChangedPlace, at, put
from tests.support import second_again, second_cutovers, second_story
from tests.support.second_batches import amended_in, digest_of_batch
from tests.support.second_forms import (
    Refused,
    canonical,
    is_digest,
    leaf_of,
    raw_key,
    seconds_of,
    tree_of,
)
from tests.support.second_rotations import named
from tests.unit.evidence import retold
from tests.unit.evidence.forgery import Desk, Files, counted

World = dict[str, Any]
CANNOT = (
    Refused,
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    ArithmeticError,
    StopIteration,
)
"""What is raised where something can be said of a changed bundle no more; so it stays as it was."""
ASKED = {
    "headers-erasing": (
        "dataset", "batch", "objects", "bytes", "packs", "pack_bytes", "root", "although",
    ),
    "keys-rotating": ("number", "old", "new", "recipients"),
    "data-keys-rotating": ("number", "recipients"),
}  # fmt: skip
"""What the `request` of an event is the digest of."""
NOT_ASKED = {"request", "user"}
"""Of a grant it is the digest of all but these."""


def opened(files: Files, statement: Any) -> World:
    """Return what a bundle says, as a value that can be walked."""
    found: World = {
        name: [json.loads(line) for line in files[name].splitlines()] for name in (*LINES, JOURNAL)
    }
    found[JOURNAL] = [[one["kind"], one["at"], json.loads(one["body"])] for one in found[JOURNAL]]
    found["predicate"] = statement["predicate"]
    return found


def digest_of(value: object) -> str:
    return sha256_hex(canonical_json(value))


class Insider:
    """Changes one good bundle again and again, and draws what follows from each change."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.good = opened(desk.files, desk.statement())
        self._text = json.dumps(self.good)

    def forged(self, change: ChangedPlace) -> Files | None:
        """Return the bundle with this change and all that follows; None: it changes nothing."""
        made = put(self.good, change.path, change.value)
        if change.path[0] != "predicate" or change.path[: len(PLAN)] == PLAN:
            made = self._followed(made, change)
        else:
            made = self._renamed(made, change)
        files = self._sealed(made)
        if all(files[name] == self.desk.files[name] for name in (*LINES, JOURNAL)) and (
            canonical_json(made["predicate"]) == canonical_json(self.good["predicate"])
        ):
            return None
        return files

    # --- what follows ------------------------------------------------------------------------

    def _followed(self, made: World, change: ChangedPlace) -> World:
        made = self._renamed(made, change)
        made = {**made, "predicate": json.loads(canonical_json(made["predicate"]))}
        if change.path[0] in LINES:
            made = self._leaves(made, change)
        with suppress(*CANNOT):
            inventoried(made)
        for tell in (tallied, batches_bound, told):
            with suppress(*CANNOT):
                tell(made)
        return made if change.path[-1] == "request" else self._requests(made)

    def _renamed(self, made: World, change: ChangedPlace) -> World:
        """Let whatever is called by the digest of what was changed be called by its new one."""
        pairs = []
        for length in range(1, len(change.path) + 1):
            path = change.path[:length]
            with suppress(KeyError, IndexError, TypeError):
                before, after = at(self.good, path), at(made, path)
                if isinstance(before, dict | list) and before != after and len(path) > 1:
                    pairs.append((digest_of(before), digest_of(after)))
        return self._replaced(made, [one for one in pairs if one[0] in self._text])

    def _replaced(self, made: World, pairs: list[tuple[str, str]]) -> World:
        if not pairs:
            return made
        text = canonical_json(made).decode()
        for was, now in pairs:
            text = text.replace(was, now)
        found: World = json.loads(text)
        return found

    def _requests(self, made: World) -> World:
        pairs = []
        for kind, _, body in made[JOURNAL]:
            with suppress(*CANNOT):
                asked = ASKED.get(kind, body.keys() - NOT_ASKED)
                if "request" in body and (kind in ASKED or kind == "grant-asked"):
                    new = digest_of({name: body[name] for name in asked})
                    if is_digest(body["request"]):
                        pairs.append((body["request"], new))
        return self._replaced(made, [one for one in pairs if one[0] != one[1]])

    def _leaves(self, made: World, change: ChangedPlace) -> World:
        """Let the journal name a changed line by its new leaf, and a batch by its new root."""
        pairs = []
        if len(change.path) > 1:
            with suppress(*CANNOT):
                was, now = at(self.good, change.path[:2]), at(made, change.path[:2])
                pairs.append((second_story.leaf(was).hex(), second_story.leaf(now).hex()))
        for one in self.good["predicate"]["datasets"]:
            with suppress(*CANNOT):
                was, now = (root_of(world, one["batch"]) for world in (self.good, made))
                pairs.append((was, now))
        return self._replaced(made, [one for one in pairs if one[0] != one[1]])

    # --- sealing -----------------------------------------------------------------------------

    def _sealed(self, made: World) -> Files:
        rows = {
            name: b"".join(canonical_json(line) + b"\n" for line in made[name]) for name in LINES
        }
        head, chain = bytes(32), []
        for seq, (kind, moment, body) in enumerate(made[JOURNAL], start=1):
            text = canonical_json(body).decode()
            head = sha256(head + canonical_json([seq, moment, kind, text])).digest()
            event = {"seq": seq, "at": moment, "kind": kind, "body": text, "digest": head.hex()}
            chain.append(canonical_json(event) + b"\n")
        files = {**self.desk.files, **rows, JOURNAL: b"".join(chain)}
        statement = self.desk.statement()
        statement["predicate"] = made["predicate"]
        if any(files[name] != self.desk.files[name] for name in (*LINES, JOURNAL)):
            with suppress(*CANNOT):
                counted(statement["predicate"], files)
        now = digest_of(statement["predicate"]).encode()
        was = digest_of(self.good["predicate"]).encode()
        pages = {name: files[name].replace(was, now) for name in files if name.endswith(".html")}
        return self.desk.signed({**files, **pages}, statement)


def root_of(made: World, batch: str) -> str:
    """Return the root of a batch's lines."""
    names = {one["name"] for one in made["predicate"]["datasets"] if one["batch"] == batch}
    rows = [canonical(line) for line in made["manifest.jsonl"] if line["dataset"] in names]
    return tree_of([leaf_of(row) for row in rows]).hex()


def inventoried(made: World) -> None:
    """Give each inventory the counts and roots of the lines as they were at its place."""
    events = [[kind, moment, body] for kind, moment, body in made[JOURNAL]]
    for name in {one["name"] for one in made["predicate"]["datasets"]}:
        rows = {
            raw_key(line): (second_story.leaf(line), file == "exclusions.jsonl")
            for file in LINES[:2]
            for line in made[file]
            if line["dataset"] == name
        }
        for number in reversed(range(len(events))):
            kind, moment, body = events[number]
            if body.get("dataset") != name:
                continue
            if kind == "inventoried" and "root" in body:
                left = {key for key, row in rows.items() if row[1]}
                about = {"dataset": name, "bytes": body["bytes"]}
                sums = _sum(rows, rows.keys()) | about
                behind = _sum(rows, left) | {"bytes": body["excluded"]["bytes"]}
                if number == _last(events, name):
                    sums["bytes"], behind["bytes"] = (
                        _bytes(made, name, file) for file in (LINES[:2], LINES[1:2])
                    )
                events[number] = [kind, moment, {**body, **sums, "excluded": behind}]
            elif kind == "inventory-changed":
                for what in reversed(second_story.CHANGES):
                    for one in reversed(body.get(what, [])):
                        before, after = (None, one) if what.startswith("joined") else one
                        key = next(key for key, row in rows.items() if row[0].hex() == after)
                        second_story.undo(rows, key, before, was_left=what == "changed_included")
    made[JOURNAL] = events


def _sum(rows: Any, keys: Any) -> dict[str, Any]:
    return {"objects": len(keys), "root": tree_of([rows[key][0] for key in sorted(keys)]).hex()}


def _bytes(made: World, name: str, files: tuple[str, ...]) -> int:
    return sum(line["size"] for file in files for line in made[file] if line["dataset"] == name)


def _last(events: list[Any], name: str) -> int | None:
    """Return which event is the last inventory of a dataset, if nothing changed after it."""
    own = [
        number
        for number, (kind, _, body) in enumerate(events)
        if kind in {"inventoried", "inventory-changed"} and body.get("dataset") == name
    ]
    return own[-1] if own and events[own[-1]][0] == "inventoried" else None


def tallied(made: World) -> None:
    """Let tallies, losses and the places of digests be those of the lines."""
    predicate = made["predicate"]
    for one in predicate["datasets"]:
        if one["closed"]:
            many = sum(line["dataset"] == one["name"] for file in LINES[:2] for line in made[file])
            size = _bytes(made, one["name"], LINES[:2])
            one["tally"]["inventoried"] = {"objects": many, "bytes": size}
    own = [line for line in made["manifest.jsonl"] if line["verdict"] == "match"]
    known = sum(line["sha256"] is not None for line in own)
    said = predicate["verification"]
    if said["sha256_taken_in_transfer"] + said["sha256_taken_in_verify"] != known:
        said["sha256_taken_in_transfer"] = min(said["sha256_taken_in_transfer"], known)
        said["sha256_taken_in_verify"] = known - said["sha256_taken_in_transfer"]
    for loss in predicate["losses"]:
        rows = [line for line in made["manifest.jsonl"] if line["dataset"] == loss["dataset"]]
        many = sum(line["verdict"] in ("match", None) for line in rows)
        loss["objects"] = many if loss["what"] == "modified" else min(loss["objects"], many)


def batches_bound(made: World) -> None:
    """Let the last revision of each batch be of what the plan says of it."""
    plan, last = made["predicate"]["plan"]["canonical"], dict[str, int]()
    made["predicate"]["plan"]["digest"]["sha256"] = digest_of(plan)
    for number, (kind, _, body) in enumerate(made[JOURNAL]):
        if kind in {"batch-bound", "batch-amended"}:
            last[body["batch"]] = number
    for batch, number in last.items():
        kind, moment, body = made[JOURNAL][number]
        made[JOURNAL][number] = [kind, moment, {**body, "digest": digest_of_batch(plan, batch)}]


def told(made: World) -> None:
    """Let the statement say what the events come to."""
    events = [(kind, moment, body) for kind, moment, body in made[JOURNAL]]
    predicate = made["predicate"]
    for tell in (_times, _endpoints, _recipients, _proofs, _openings, _copies, _again, _cutovers,
                 _paces):  # fmt: skip
        with suppress(*CANNOT):
            tell(predicate, events)


Events = list[tuple[str, str, Any]]


def _times(predicate: Any, events: Events) -> None:
    starts = [moment for kind, moment, _ in events if kind == "run-started"]
    ends = [moment for kind, moment, _ in events if kind == "run-ended"]
    predicate["times"].update(
        started=starts[0] if starts else None, ended=ends[-1] if ends else None,
        clock_offsets={
            one["endpoint"]: one["clock_offset"]
            for one in _traffic(events)
            if "clock_offset" in one and one["side"] != "identity"
        },
    )  # fmt: skip


def _traffic(events: Events) -> Iterator[Any]:
    for kind, _, body in events:
        if kind == "run-ended":
            yield from body["traffic"]


def _endpoints(predicate: Any, events: Events) -> None:
    for endpoint in predicate["endpoints"]:
        own = [one for one in _traffic(events) if one["side"] == endpoint["side"]]
        for name in ("bytes_read", "bytes_written", "requests"):
            endpoint[name] = sum(one[name] for one in own)
        endpoint["addresses"] = sorted({address for one in own for address in one["addresses"]})
        endpoint.pop("tls", None)
        if any("tls" in one for one in own):
            endpoint["tls"] = sorted({shake for one in own for shake in one.get("tls", ())})


def _recipients(predicate: Any, events: Events) -> None:
    keys = amended_in(events, keyed=predicate["names"] == "keyed").recipients
    if keys is not None:
        said = [named(one) for one in keys]
        seal = predicate["seal"]
        renamed = dict(zip(seal["recipients"], said, strict=False))
        seal["recipients"] = said
        for one in (*seal.get("proved", ()), *seal.get("files", ())):
            one["recipient"] = renamed.get(one["recipient"], one["recipient"])


def _proofs(predicate: Any, events: Events) -> None:
    last: dict[str, Any] = {}
    for kind, moment, body in events:
        if kind == "drilled":
            proof = last.setdefault(body["fingerprint"], {})
            proof["at"] = moment
            if "stored" in body:
                names = ("objects", "opened", "whole", "bytes")
                proof["stored"] = {name: body["stored"][name] for name in names} | {"at": moment}
    seal = predicate["seal"]
    seal.pop("proved", None)
    if found := [{"recipient": one, **last[one]} for one in seal["recipients"] if one in last]:
        seal["proved"] = found


def _openings(predicate: Any, events: Events) -> None:
    names = ("at", "who", "dataset", "object", "reason")
    predicate["openings"] = [
        {name: body[name] for name in names} for kind, _, body in events if kind == "object-opened"
    ]


def _copies(predicate: Any, events: Events) -> None:
    copied = {
        body["batch"]: {**{name: body[name] for name in ("batch", "packs", "bytes", "root")},
                        "at": moment}
        for kind, moment, body in events if kind == "headers-copied"
    }  # fmt: skip
    if "headers" in predicate["seal"]:
        predicate["seal"]["headers"]["copies"] = [copied[batch] for batch in sorted(copied)]


def _again(predicate: Any, events: Events) -> None:
    absent = {one["batch"]: one["absent"] for one in predicate.get("looks", ()) if "absent" in one}
    for name, tell in (
        ("rotations", retold.rotations), ("erasures", retold.erasures), ("looks", retold.looks),
    ):  # fmt: skip
        with suppress(*CANNOT):
            found = tell(events)
            predicate.pop(name, None)
            if found:
                predicate[name] = found
    for one in predicate.get("looks", ()):
        if one["batch"] in absent:
            objects, back = second_again.absences(one["batch"], events)
            missing = min(absent[one["batch"]]["missing"], objects - back)
            one["absent"] = {"objects": objects, "back": back, "missing": missing}


def _cutovers(predicate: Any, events: Events) -> None:
    predicate["cutovers"] = second_cutovers.folded(events)


def _paces(predicate: Any, events: Events) -> None:
    """Let each pace begin, end and count as its events do."""
    receipts = {"transfer": "sent", "verify": "verified"}
    paces = []
    for pace in predicate["paces"]:
        own = [(moment, body["ids"]) for kind, moment, body in events
               if kind == receipts[pace["step"]]]  # fmt: skip
        if not own:
            continue
        way = [
            moment
            for kind, moment, body in events
            if kind == "under-way" and body["step"] == pace["step"]
        ]
        begins = [own[0][0], *way[:1]]
        made = {**pace, "started": min(begins, key=seconds_of), "ended": own[-1][0]}
        bins = [{**one} for one in pace["bins"]]
        apart = sum(len(ids) for _, ids in own) - sum(one["objects"] for one in bins)
        full = max(range(len(bins)), key=lambda number: bins[number]["objects"])
        bins[full]["objects"] += apart
        lasted = max(float(seconds_of(made["ended"]) - seconds_of(made["started"])), 1.0)
        if abs(lasted - pace["seconds"] * len(bins)) > 0.001 * len(bins):
            made["seconds"] = lasted / len(bins)
        paces.append({**made, "bins": bins})
    predicate["paces"] = paces
