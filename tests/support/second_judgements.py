"""Section 8.18 for the second verifier: judgements of losses as they were signed.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from tests.support.second_approvals import opened
from tests.support.second_bodies import Event
from tests.support.second_forms import (
    RULES,
    Json,
    is_integer,
    matching,
    need,
    parse,
    same,
    seconds_of,
)

KIND = "application/vnd.hdh-migrate.judgement+json"
LOSSES = {"decommission-target-lost", "target-replaced", "vanished-lost"}
is_day = matching(r"\d{4}-\d\d-\d\d")


def check_judgements(events: list[Event], digests: list[str]) -> None:
    reporters: set[str] = set()
    ledger: Json = None
    terms: dict[tuple[Json, Json], Json] = {}
    for number, (kind, at, body) in enumerate(events, start=1):
        if kind == "ledger-named":
            ledger = body["ledger"]
        elif kind == "contents":
            files = body.get("files")
            signer = files.get("report.signer") if isinstance(files, dict) else None
            if isinstance(signer, str) and signer.startswith("ed25519:"):
                reporters.add(signer[len("ed25519:") :])
        elif kind in {"cutover-terms", "cutover-terms-changed"}:
            terms[body["batch"], body["track"]] = body.get("terms")
        elif kind == "breach-judged":
            said = read(body, reporters)
            for one in terms.values():
                check_named(one, body["key"]["fingerprint"], said["made_at"][:10])
            need(ledger is None or said["ledger"] == ledger, "breach-judged: of another ledger")
            need(seconds_of(said["made_at"]) <= seconds_of(at) + 60, "breach-judged: of later")
            journal = said["journal"]
            need(isinstance(journal, dict), "breach-judged: journal")
            need(journal.keys() == {"events", "head"}, "breach-judged: journal")
            seen = journal["events"]
            need(is_integer(seen) and 0 <= seen < number, "breach-judged: journal")
            ends = [64 * "0", *digests]
            need(journal["head"] == ends[seen], "breach-judged: of another journal")
            check_known(said, events[:seen])


def check_named(terms: Json, fingerprint: Json, day: str) -> None:
    """Demand that terms name whoever judged, and that his last day by them had not passed."""
    if terms is None:
        return
    need(isinstance(terms, dict), "breach-judged: terms")
    last_days = []
    for which in ("approvers", "waivers"):
        keys = terms.get(which, [])
        need(isinstance(keys, list), "breach-judged: terms")
        need(all(isinstance(one, dict) for one in keys), "breach-judged: terms")
        mine = [one for one in keys if one.get("fingerprint") == fingerprint]
        need(all("until" in one for one in mine), "breach-judged: terms")
        last_days += [one["until"] for one in mine]
    need(all(one is None or isinstance(one, str) for one in last_days), "breach-judged: terms")
    need(
        any(one is None or day <= one for one in last_days), "breach-judged: by whom no terms name"
    )


def read(body: dict[str, Json], reporters: set[str]) -> dict[str, Json]:
    key: Json = body.get("key")
    signed: Json = body.get("signed")
    need(isinstance(key, dict), "breach-judged: key")
    need(key.keys() == {"fingerprint", "public", "until"}, "breach-judged: key")
    need(isinstance(key["fingerprint"], str), "breach-judged: key")
    need(key["fingerprint"] not in reporters, "breach-judged: by who signs reports")
    need(isinstance(signed, list) and len(signed) == 1, "breach-judged: signed")
    said: dict[str, Json] = parse(opened(signed[0], key["fingerprint"], key, KIND), "breach-judged")
    need(isinstance(said, dict), "breach-judged: no object")
    names = "version ledger by looks findings notified reason journal made_at"
    need(said.keys() == {*names.split()}, "breach-judged: members")
    need(is_integer(said["version"]) and said["version"] == 1, "breach-judged: version")
    for name in ("ledger", "by"):
        need(isinstance(said[name], str) and said[name] != "", f"breach-judged: {name}")
    need(isinstance(said["reason"], str), "breach-judged: reason")
    need(RULES["moment"](said["made_at"]), "breach-judged: made_at")
    until = key["until"]
    need(until is None or isinstance(until, str), "breach-judged: key")
    need(until is None or said["made_at"][:10] <= until, "breach-judged: after the last day")
    told = said["notified"]
    if told is None:
        need(said["reason"] != "", "breach-judged: without a reason")
    else:
        need(isinstance(told, dict) and told.keys() == {"on", "reference"}, "breach-judged: told")
        need(is_day(told["on"]), "breach-judged: on")
        need(isinstance(told["reference"], str) and told["reference"], "breach-judged: reference")
    need(body.get("notified") is (told is not None), "breach-judged: notified")
    for name in ("looks", "findings"):
        need(name in body and same(body[name], said[name]), f"breach-judged: {name}")
    check_lists(said["looks"], said["findings"])
    return said


def check_lists(looks: Json, pairs: Json) -> None:
    need(isinstance(looks, list) and isinstance(pairs, list), "breach-judged: lists")
    need(bool(looks) or bool(pairs), "breach-judged: of nothing")
    names = []
    for one in looks:
        need(isinstance(one, dict), "breach-judged: looks")
        need(one.keys() == {"batch", "number", "objects"}, "breach-judged: looks")
        need(isinstance(one["batch"], str), "breach-judged: looks")
        need(is_integer(one["number"]) and is_integer(one["objects"]), "breach-judged: looks")
        names.append((one["batch"], one["number"]))
    need(all(a < b for a, b in pairwise(names)), "breach-judged: looks")
    for one in pairs:
        need(isinstance(one, list) and len(one) == 2, "breach-judged: findings")
        need(all(map(is_integer, one)) and one[0] <= one[1], "breach-judged: findings")
    need(all(a[1] + 1 < b[0] for a, b in pairwise(pairs)), "breach-judged: findings")


def check_known(said: dict[str, Json], events: list[Event]) -> None:
    """Demand that the journal told of everything before whoever judged it signed."""
    missed: defaultdict[tuple[Json, Json], int] = defaultdict(int)
    when: dict[Json, str] = {}
    for kind, at, body in events:
        if kind == "looked-again" and (many := len(body["gone"]) + len(body["damaged"])):
            look = body["batch"], body["number"]
            missed[look] += many
            when[look] = at
        elif kind == "findings":
            when |= {one["number"]: at for one in body.get("opened", []) if one["code"] in LOSSES}
    judged: list[Json] = []
    for one in said["looks"]:
        look = one["batch"], one["number"]
        need(missed[look] == one["objects"] > 0, "breach-judged: not what the look found")
        judged.append(look)
    for first, last in said["findings"]:
        need(last - first < len(when), "breach-judged: findings that nobody opened")
        judged += range(first, last + 1)
    for one in judged:
        need(one in when, "breach-judged: what was not known")
        need(
            seconds_of(when[one]) <= seconds_of(said["made_at"]) + 60, "breach-judged: known later"
        )
