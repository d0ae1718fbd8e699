"""Section 4 for the second verifier: lines, their keys, their order and their chain."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from tests.support.second_forms import (
    FEW,
    RULES,
    Json,
    Refused,
    canonical,
    need,
    parsed,
    raw_key,
    unbase64,
)

LONGEST_LINE = 1_048_576

FIELDS = {  # by file: field=rule, with a question mark for "or null"
    "manifest.jsonl": "dataset=text key=text size=size source_version=text source_modified=moment?"
    " source_md5=md5? sha256=digest? bucket=text target_key=text stored_size=size?"
    " stored_sha256=digest? target_etag=text? level=level? verdict=verdict? verified_at=moment?",
    "exclusions.jsonl": "dataset=text key=text size=size rule=text reason=text source_version=text",
    "findings.jsonl": "at=moment? code=text dataset=text? key=text? message=text step=text?"
    " number=size severity=severity",
    "journal.jsonl": "seq=size at=text kind=text body=text digest=digest",
}
Kind = dict[str, str]


def kind_of(name: str, *, first: bool = False) -> Kind:
    """Return the fields of a file's lines, with their rules."""
    kind = dict(field.split("=") for field in FIELDS[name].split())
    lacks = {"exclusions.jsonl": {"source_version"}, "findings.jsonl": {"number", "severity"}}
    gone = lacks.get(name, set()) if first else set()
    return {field: rule for field, rule in kind.items() if field not in gone}


def read_lines(name: str, content: bytes, first: bool) -> list[dict[str, Json]]:
    pieces = content.split(b"\n")
    need(pieces.pop() == b"", f"{name}: its last line has no line feed")
    found = []
    for number, piece in enumerate(pieces, start=1):
        read = read_line if len(piece) <= FEW else read_line.__wrapped__
        try:
            found.append(read(piece, name, first))
        except Refused as refused:
            raise Refused(f"{name} line {number}: {refused}") from refused
    return found


@lru_cache(maxsize=1 << 12)
def read_line(piece: bytes, name: str, first: bool) -> dict[str, Json]:
    """Read one line of a file; the same line stands in a thousand bundles."""
    need(len(piece) + 1 <= LONGEST_LINE, "too long")
    line: Json = parsed.__wrapped__(piece)
    need(isinstance(line, dict), "not an object")
    check_line(line, kind_of(name, first=first))
    need(first or verdict_is_known(line), "known, and no verdict")
    return dict(line)


def check_line(line: dict[str, Json], kind: Kind) -> None:
    keys = [name for name in ("key", "target_key") if name in kind]
    need(line.keys() - {f"{name}_b64" for name in keys} == kind.keys(), "other fields")
    for name, rule in kind.items():
        may_be_null = rule.endswith("?") and line[name] is None
        need(may_be_null or RULES[rule.removesuffix("?")](line[name]), name)
    for name in keys:  # section 4.1
        if f"{name}_b64" in line:
            raw = unbase64(line[f"{name}_b64"], f"{name}_b64")
            shown = raw.decode("utf-8", "backslashreplace")
            need(not is_utf8(raw), f"{name}_b64 holds UTF-8")
            need(shown == line[name], name)
    if line.get("verdict") == "match":
        must = ["level", "verified_at"]
        must += ["stored_size", "stored_sha256"] if line["level"] in {"full", "stored"} else []
        must += ["sha256"] if line["level"] == "full" else []
        need(all(line[name] is not None for name in must), "a match without a reason")


def verdict_is_known(line: dict[str, Json]) -> bool:
    """Whether nothing was found out about an object of which there is no verdict."""
    return line.get("verdict", "") is not None or all(line[name] is None for name in UNKNOWN)


UNKNOWN = ("sha256", "stored_size", "stored_sha256", "target_etag", "level", "verified_at")


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def identity(line: dict[str, Json]) -> tuple[bytes, bytes]:
    return line["dataset"].encode(), raw_key(line)


def check_order(lines: dict[str, list[dict[str, Json]]], first: bool) -> None:
    moved, left = (
        [identity(line) for line in lines[name]] for name in ("manifest.jsonl", "exclusions.jsonl")
    )
    need(moved == sorted(set(moved)), "manifest.jsonl: not in ascending order")
    need(left == sorted(set(left)), "exclusions.jsonl: not in ascending order")
    need(not set(moved) & set(left), "an object is in the manifest and in the exclusions")
    numbers = [] if first else [line["number"] for line in lines["findings.jsonl"]]
    need(numbers == sorted(set(numbers)), "findings.jsonl: not in ascending order")


def check_journal(events: list[dict[str, Json]]) -> str:
    need(events, "journal.jsonl: empty")
    head = bytes(32)
    for number, event in enumerate(events, start=1):
        where = f"journal.jsonl line {number}"
        need(event["seq"] == number, f"{where}: seq")
        covered = canonical([event["seq"], event["at"], event["kind"], event["body"]])
        head = sha256(head + covered).digest()
        need(event["digest"] == head.hex(), f"{where}: the chain is broken")
    return head.hex()


# 11. The first format -----------------------------------------------------------------------------

LATER = {"failed", "findings", "inventory-changed", "ledger-upgraded", "retried"}


def check_early_events(events: list[dict[str, Json]]) -> None:
    for event in events:
        need(event["kind"] not in LATER, f"{event['kind']}: an event of the second format")
        late = event["kind"] == "inventoried" and '"excluded":' in event["body"]
        need(not late, "inventoried: an event of the second format")
