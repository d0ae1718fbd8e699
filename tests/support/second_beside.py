"""Sections 7.5 to 7.7 for the second verifier: the lines beside the plan."""

from __future__ import annotations

import re
from collections import Counter

from tests.support.second_batches import amended_in
from tests.support.second_bodies import Event
from tests.support.second_forms import Json, Refused, instant, need, raw_key
from tests.support.second_plan import (
    DIRECTORY,
    LOST,
    NOTHING,
    NOTHING_MD5,
    VANISHED,
    Dataset,
    Plan,
    is_keyed_name,
)
from tests.support.second_rules import (
    BESIDE,
    Seen,
    check_own,
    may_be_excluded,
    may_be_not_included,
    ruled_out,
)

# 7.5 The lines beside the plan --------------------------------------------------------------------


def check_lines(
    predicate: Json, plan: Plan, lines: dict[str, list[Json]], events: list[Event]
) -> None:
    keyed = predicate["names"] == "keyed"
    amended = amended_in(events, keyed)
    behind: Counter[str] = Counter()
    moved, left = lines["manifest.jsonl"], lines["exclusions.jsonl"]
    for number, line in enumerate(moved, start=1):
        where = f"manifest.jsonl line {number}"
        dataset = plan.datasets[line["dataset"]]
        need(line["bucket"] == dataset.target["bucket"], f"{where}: bucket")
        if keyed:
            need(is_keyed_name(line["key"]), f"{where}: key")
            need(is_keyed_name(line["target_key"]), f"{where}: target_key")
            need(line["source_md5"] is None, f"{where}: source_md5")
        else:
            name = below(dataset, line, where)
            check_of_version(dataset, line, name, where)
            there = octets(dataset.target["prefix"]) + name + octets(plan.suffix)
            need(raw_key(line, "target_key") == there, f"{where}: target_key")
            seen = Seen(name, line)
            behind[dataset.name] += ruled_out(dataset.include, dataset.exclude, seen)
            before = amended.moved_before.get(dataset.name, 0)
            need(behind[dataset.name] <= before, f"{where}: a rule leaves it behind")
            if name.startswith(BESIDE):
                check_own(line, where)
        if line["verified_at"] is not None:
            started, written = (predicate["times"][name] for name in ("started", "written"))
            at = instant(line["verified_at"])
            need(started is None or at >= instant(started), f"{where}: verified before the run")
            need(at <= instant(written), f"{where}: verified after the bundle was written")
        if line["verdict"] == "match":
            check_match(line, plan, amended.many, keyed, where)
            check_version(line, dataset.as_of, where)
            if dataset.checks_md5 and line["source_md5"] is not None:
                nothing = line["source_md5"] == NOTHING_MD5
                need(nothing == (line["size"] == 0), f"{where}: source_md5 of nothing")
    verified = [line for line in moved if line["verdict"] == "match"]
    if not keyed:
        check_places(verified, plan)
    for number, line in enumerate(left, start=1):
        where = f"exclusions.jsonl line {number}"
        check_exclusion(line, plan, keyed, where)
        if (line["rule"], line["reason"]) == DIRECTORY:
            need(plan.source["kind"] == "azure-blob", f"{where}: a source without directories")


def below(dataset: Dataset, line: Json, where: str) -> bytes:
    """Return the name behind the source prefix, of a version without its token (7.8)."""
    key, prefix = name_of(dataset, line), octets(dataset.source["prefix"])
    need(key.startswith(prefix), f"{where}: not under the source prefix")
    return key[len(prefix) :]


def octets(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused("plan: a prefix or suffix that no key can have") from None


def check_match(line: Json, plan: Plan, many: set[int], keyed: bool, where: str) -> None:
    need(line["level"] == plan.whole["verify"]["level"], f"{where}: level")
    size, crypted = line["size"], plan.seal["format"] == "crypt4gh"
    stored = {size}
    if crypted:
        stored = sealed_sizes(line, plan, {plan.recipients, *many}, keyed)
    need(line["stored_size"] in {None, *stored}, f"{where}: stored_size")
    plain, at_target = line["sha256"], line["stored_sha256"]
    if plain is not None and not keyed:
        need((plain == NOTHING) == (size == 0), f"{where}: sha256 of nothing")
    if at_target is not None:
        need((at_target == NOTHING) == (0 in stored), f"{where}: stored_sha256 of nothing")
    if plain is not None and at_target is not None and not keyed:
        same = not crypted or stored == {0}
        need((plain == at_target) == same, f"{where}: the two digests")


def sealed_sizes(line: Json, plan: Plan, many: set[int], keyed: bool) -> set[int]:
    """Sections 7.5 and 7.9: the bytes that an object may have at the target."""
    body = line["size"] + 28 * -(-line["size"] // 65536)
    if not plan.detached:
        return {16 + 108 * n + body for n in many}
    own = {76 + 1200 * n + body for n in many}
    if keyed:
        return own | {body}
    return own if is_own_file(line, plan) else {body}


def is_own_file(line: Json, plan: Plan) -> bool:
    prefix = octets(plan.datasets[line["dataset"]].source["prefix"])
    return raw_key(line).startswith(prefix + BESIDE)


PINNED = re.compile(
    r".*;(versionid|snapshot)=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z)", re.ASCII | re.DOTALL
)


def check_version(line: Json, as_of: str | None, where: str) -> None:
    """Hold that the version of a blob was the current one at this moment."""
    pinned = PINNED.fullmatch(line["source_version"])
    if as_of is not None and pinned is not None:
        kind, made = pinned[1], instant(pinned[2])
        then = instant(as_of)
        current = made <= then if kind == "versionid" else made >= then
        need(current, f"{where}: not the version that was current")


# 7.8 All versions ---------------------------------------------------------------------------------

TOKEN = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z);(versionid|snapshot)|current", re.ASCII
)


def name_of(dataset: Dataset, line: Json) -> bytes:
    """Return the name of which a line has a version, or the whole key where it has none."""
    key = raw_key(line)
    return key.partition(b"\0")[0] if dataset.every_version and not own(dataset, key) else key


def own(dataset: Dataset, key: bytes) -> bool:
    """Whether a key is that of one of the tool's own files beside the dataset."""
    return key.startswith(octets(dataset.source["prefix"]) + BESIDE)


def check_of_version(dataset: Dataset, line: Json, name: bytes, where: str) -> None:
    """Hold a line's key, its version at the source and its version at the target together."""
    if not dataset.every_version or own(dataset, raw_key(line)):
        return
    blob, nul, token = raw_key(line).partition(b"\0")
    found = TOKEN.fullmatch(token)
    need(blob and nul and found is not None, f"{where}: no version in its key")
    assert found is not None
    pinned = PINNED.fullmatch(line["source_version"])
    told = None if pinned is None else (pinned[2].encode(), pinned[1].encode())
    need(told == (None if token == b"current" else found.groups()), f"{where}: another version")
    if line.get("verdict") == "match":
        need(version_there(line), f"{where}: no version at the target")


def version_there(line: Json) -> str:
    """Return the id of the version at the target, empty where there is none."""
    return str(line["target_etag"] or "").partition(";versionid=")[2]


def check_places(verified: list[Json], plan: Plan) -> None:
    """No two objects are at one place, and no two versions of one are the same there."""
    whose = dict[tuple[str, bytes], tuple[str, bytes]]()
    ids = set[tuple[tuple[str, bytes], str]]()
    for line in verified:
        dataset = plan.datasets[line["dataset"]]
        place = (line["bucket"], raw_key(line, "target_key"))
        what = (dataset.name, name_of(dataset, line))
        if dataset.every_version and not own(dataset, raw_key(line)):
            alone = whose.setdefault(place, what) == what
            need(alone, "manifest.jsonl: two objects at one place")
            version = (place, version_there(line))
            need(version not in ids, "manifest.jsonl: two versions that are one at the target")
            ids.add(version)
        else:
            need(place not in whose, "manifest.jsonl: two objects at one place")
            whose[place] = what


# 7.6 Exclusions beside the plan -------------------------------------------------------------------


def check_exclusion(line: Json, plan: Plan, keyed: bool, where: str) -> None:
    told, dataset = (line["rule"], line["reason"]), plan.datasets[line["dataset"]]
    always = {DIRECTORY} if plan.first else {DIRECTORY, VANISHED, LOST}
    if keyed:
        need(is_keyed_name(line["key"]), f"{where}: key")
        allowed = {*always, *((rule.text, rule.reason) for rule in dataset.exclude)}
        allowed |= {dataset.not_included} if dataset.include else set()
        need(told in allowed, f"{where}: not a rule of the dataset")
    else:
        name = below(dataset, line, where)
        check_of_version(dataset, line, name, where)
        seen = Seen(name, line)
        if seen.name.startswith(BESIDE):
            need(told in always - {DIRECTORY}, f"{where}: a sidecar is left behind")
            check_own(line, where)
        need(told in always or may_be_by(dataset, seen, told),
             f"{where}: not the rule that applies")  # fmt: skip
    need(told != DIRECTORY or line["size"] == 0, f"{where}: a directory that has a size")


def may_be_by(dataset: Dataset, seen: Seen, told: tuple[str, str]) -> bool:
    """Whether the line lets this be rule and reason by which the object is left behind."""
    if told == dataset.not_included:
        return may_be_not_included(dataset.include, seen)
    return may_be_excluded(dataset.include, dataset.exclude, seen, told)


# 7.7 Findings -------------------------------------------------------------------------------------


def check_findings(predicate: Json, plan: Plan, lines: dict[str, list[Json]]) -> None:
    there = {
        (line["dataset"], raw_key(line))
        for name in ("manifest.jsonl", "exclusions.jsonl")
        for line in lines[name]
    }
    written = instant(predicate["times"]["written"])
    for number, line in enumerate(lines["findings.jsonl"], start=1):
        where = f"findings.jsonl line {number}"
        need(line["dataset"] is None or line["dataset"] in plan.datasets, f"{where}: dataset")
        if line["key"] is not None:
            need((line["dataset"], raw_key(line)) in there, f"{where}: of no object")
        need(line["at"] is None or instant(line["at"]) <= written, f"{where}: at")
