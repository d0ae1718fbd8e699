"""A second verifier of evidence bundles, written from docs/evidence-format.md and its schema alone.

It shares no code and no author's habits with the one that bundles carry: everything is loaded, put
into dictionaries and compared, in the order of the document, whose sections the headings name. What
the two say of a bundle is compared in tests/unit/evidence/test_second_opinion.py, so that neither
the document nor the first verifier can drift from the other unseen.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support.second_forms import (
    RULES,
    Json,
    Refused,
    canonical,
    is_integer,
    is_number,
    matching,
    merkle_root,
    need,
    parse,
    parse_document,
    raw_key,
    same,
    unbase64,
)
from tests.support.second_journal import check_told
from tests.support.second_note import check_note
from tests.support.second_plan import check_findings, check_lines, check_plan, read_plan

Trusted = Mapping[str, tuple[Ed25519PublicKey, str | None]]
"""By fingerprint: the key, and the last day (YYYY-MM-DD) on which its signatures count."""

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "schemas" / "evidence-v2.json").read_text("utf-8")
)
LONGEST_LINE = 1_048_576
LONGEST_STATEMENT = 64 * 1024 * 1024


def verify(
    folder: Path, trusted: Trusted, threshold: int, checkpoint: bytes | None = None
) -> list[str]:
    """Return each deviation of the bundle that was found; nothing means that it is good."""
    problems: list[str] = []

    def attempt(what: Callable[..., Json], *about: Json) -> Json:
        try:
            return what(*about)
        except Refused as refused:
            problems.append(str(refused))
            return None

    files = attempt(read_folder, folder)  # section 1
    if files is None:
        return problems
    attempt(check_sums, files)  # section 3
    lines = {name: attempt(read_lines, name, files[name]) for name in KINDS}  # sections 2 and 4
    if None in lines.values():
        return problems
    attempt(check_order, lines)  # section 4.2
    head = attempt(check_journal, lines["journal.jsonl"])  # section 4.3
    opened = attempt(open_statement, files["statement.json"])  # section 6
    if opened is None or head is None:
        return problems
    payload, statement, signatures = opened
    attempt(check_statement, statement, files)
    predicate = statement.get("predicate")
    if attempt(check_schema, predicate) is None:  # section 7
        return problems
    if signatures is None:
        problems.append("a draft: nobody signed it")
    else:
        problems += check_signatures(payload, signatures, predicate, trusted, threshold)
    attempt(check_counts, predicate, lines, files["manifest.jsonl"], head)
    attempt(check_summary, files["summary.json"], predicate, signatures)
    attempt(check_pages, files, predicate)  # section 9
    plan = attempt(read_plan, predicate)
    if plan is not None and not problems:
        moved = lines["manifest.jsonl"]
        sha256s = sum(state(line) == "verified" and line["sha256"] is not None for line in moved)
        attempt(check_plan, predicate, plan, sha256s)  # section 7.3
    if plan is not None and not problems:
        attempt(check_told, predicate, lines)  # section 8
        attempt(check_lines, predicate, plan, moved, lines["exclusions.jsonl"])  # 7.5 and 7.6
        attempt(check_findings, predicate, plan, lines)  # 7.7
    if checkpoint is not None:
        day = predicate["times"]["written"][:10]
        about = (predicate, files["journal.jsonl"], trusted, threshold, day)
        attempt(check_note, checkpoint, *about)  # section 10
    return problems


# 1. The folder ------------------------------------------------------------------------------------

ALWAYS = {
    *("manifest.jsonl", "exclusions.jsonl", "findings.jsonl", "journal.jsonl"),
    *("forms.py", "journal.py", "rules.py", "story.py"),
    *("verify.py", "stamp.py", "sample.py", "summary.json", "statement.json", "SHA256SUMS"),
}
NO_SUBJECT = {"statement.json", "timestamp.tsr", "SHA256SUMS"}
REPORT = re.compile(r"report\.[a-z]{2}\.html")


def read_folder(folder: Path) -> dict[str, bytes]:
    files = {}
    for entry in folder.iterdir():
        name = entry.name
        known = name in ALWAYS or name == "timestamp.tsr" or REPORT.fullmatch(name)
        need(known, f"a file that no bundle has: {name!r}")
        need(stat.S_ISREG(entry.lstat().st_mode), f"{name}: not a plain file")
        files[name] = entry.read_bytes()
    need(files.keys() >= ALWAYS, f"missing: {sorted(ALWAYS - files.keys())}")
    return files


# 3. SHA256SUMS ------------------------------------------------------------------------------------


def check_sums(files: dict[str, bytes]) -> None:
    listed = [
        f"{sha256(files[name]).hexdigest()}  {name}\n"
        for name in sorted(files)
        if name != "SHA256SUMS"
    ]
    need("".join(listed).encode() == files["SHA256SUMS"], "SHA256SUMS: not the files' digests")


# 4. Lines -----------------------------------------------------------------------------------------


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
KINDS: dict[str, Kind] = {
    name: dict(field.split("=") for field in fields.split()) for name, fields in FIELDS.items()
}


def read_lines(name: str, content: bytes) -> list[dict[str, Json]]:
    pieces = content.split(b"\n")
    need(pieces.pop() == b"", f"{name}: its last line has no line feed")
    found = []
    for number, piece in enumerate(pieces, start=1):
        where = f"{name} line {number}"
        need(len(piece) + 1 <= LONGEST_LINE, f"{where}: too long")
        line = parse(piece, where)
        need(isinstance(line, dict), f"{where}: not an object")
        check_line(line, KINDS[name], where)
        found.append(line)
    return found


def check_line(line: dict[str, Json], kind: Kind, where: str) -> None:
    keys = [name for name in ("key", "target_key") if name in kind]
    need(line.keys() - {f"{name}_b64" for name in keys} == kind.keys(), f"{where}: other fields")
    for name, rule in kind.items():
        may_be_null = rule.endswith("?") and line[name] is None
        need(may_be_null or RULES[rule.removesuffix("?")](line[name]), f"{where}: {name}")
    for name in keys:  # section 4.1
        if f"{name}_b64" in line:
            raw = unbase64(line[f"{name}_b64"], f"{where}: {name}_b64")
            shown = raw.decode("utf-8", "backslashreplace")
            need(not is_utf8(raw), f"{where}: {name}_b64 holds UTF-8")
            need(shown == line[name], f"{where}: {name}")
    if line.get("verdict") == "match":
        must = ["level", "verified_at"]
        must += ["stored_size", "stored_sha256"] if line["level"] in {"full", "stored"} else []
        must += ["sha256"] if line["level"] == "full" else []
        need(all(line[name] is not None for name in must), f"{where}: a match without a reason")
    if "verdict" in line and line["verdict"] is None:
        need(all(line[name] is None for name in UNKNOWN), f"{where}: known, and no verdict")


UNKNOWN = ("sha256", "stored_size", "stored_sha256", "target_etag", "level", "verified_at")


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def identity(line: dict[str, Json]) -> tuple[bytes, bytes]:
    return line["dataset"].encode(), raw_key(line)


def check_order(lines: dict[str, list[dict[str, Json]]]) -> None:
    moved, left = (
        [identity(line) for line in lines[name]] for name in ("manifest.jsonl", "exclusions.jsonl")
    )
    need(moved == sorted(set(moved)), "manifest.jsonl: not in ascending order")
    need(left == sorted(set(left)), "exclusions.jsonl: not in ascending order")
    need(not set(moved) & set(left), "an object is in the manifest and in the exclusions")


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


# 6. statement.json --------------------------------------------------------------------------------

Signature = tuple[str, bytes]


def open_statement(content: bytes) -> tuple[bytes, dict[str, Json], list[Signature] | None]:
    need(len(content) <= LONGEST_STATEMENT, "statement.json: too long")
    document = parse_document(content, "statement.json")
    need(isinstance(document, dict), "statement.json: not an object")
    if document.get("draft") is True:
        need(document.keys() == {"draft", "statement"}, "statement.json: neither form")
        statement, signatures, payload = document["statement"], None, b""
    else:
        members = {"payload", "payloadType", "signatures"}
        need(document.keys() == members, "statement.json: neither form")
        need(document["payloadType"] == PAYLOAD_TYPE, "statement.json: payloadType")
        payload = unbase64(document["payload"], "payload")
        signatures = read_signatures(document["signatures"])
        statement = parse(payload, "payload")
    need(isinstance(statement, dict), "the statement is not an object")
    return payload, statement, signatures


PAYLOAD_TYPE = "application/vnd.in-toto+json"
is_keyid = matching(r"ed25519:[0-9a-f]{16}")


def read_signatures(listed: Json) -> list[Signature]:
    need(isinstance(listed, list) and listed, "signatures: not a list, or empty")
    found = {}
    for one in listed:
        need(isinstance(one, dict) and one.keys() == {"keyid", "sig"}, "a signature's members")
        need(is_keyid(one["keyid"]), "a signature's keyid")
        need(one["keyid"] not in found, "a keyid twice")
        found[one["keyid"]] = unbase64(one["sig"], "sig")
        need(len(found[one["keyid"]]) == 64, "a signature's length")
    return list(found.items())


def check_signatures(
    payload: bytes, signatures: list[Signature], predicate: Json, trusted: Trusted, threshold: int
) -> list[str]:
    kind = PAYLOAD_TYPE.encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    written_on = predicate["times"]["written"][:10]
    counted, problems = set(), []
    for keyid, signature in signatures:
        for fingerprint, (key, until) in trusted.items():
            if keyid != f"ed25519:{fingerprint[:16]}":
                continue
            try:
                key.verify(signature, signed)
            except InvalidSignature:
                continue
            if until is not None and written_on > until:
                problems.append(f"{keyid}: signed after the last day of this key")
            else:
                counted.add(fingerprint)
    if len(counted) < threshold:
        problems.append(f"{len(counted)} trusted keys signed, {threshold} were asked for")
    return problems


def check_statement(statement: dict[str, Json], files: dict[str, bytes]) -> None:
    members = {"_type", "subject", "predicateType", "predicate"}
    need(statement.keys() == members, "the statement's members")
    need(statement["_type"] == "https://in-toto.io/Statement/v1", "_type")
    need(statement["predicateType"] == "urn:hdh-migrate:evidence:v2", "predicateType")
    subject = statement["subject"]
    need(isinstance(subject, list) and subject, "subject: not a list, or empty")
    actual = {
        name: canonical({"name": name, "digest": {"sha256": sha256(content).hexdigest()}})
        for name, content in files.items()
        if name not in NO_SUBJECT
    }
    named = [canonical(one) for one in subject]
    need(named[0] == actual["manifest.jsonl"], "the first subject is not the manifest")
    need(sorted(named) == sorted(actual.values()), "the subjects are not the files")


# 7. The predicate ---------------------------------------------------------------------------------


def check_schema(predicate: Json) -> bool:
    obey(predicate, SCHEMA, SCHEMA["$defs"], "predicate")
    return True


TYPES: dict[str, Callable[[Json], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": is_integer,
    "number": is_number,
}
ABOUT = {"$schema", "$id", "$defs", "title", "description"}


def obey(value: Json, schema: Json, defs: Json, at: str) -> None:
    """Hold a value against the part of JSON Schema 2020-12 that the schema uses."""
    for word, rule in schema.items():
        if word == "$ref":
            obey(value, defs[rule.removeprefix("#/$defs/")], defs, at)
        elif word == "anyOf":
            need(any(obeys(value, one, defs, at) for one in rule), at)
        elif word == "type":
            need(TYPES[rule](value), f"{at}: not {rule}")
        elif word in {"const", "enum"}:
            need(value in ([rule] if word == "const" else rule), at)
        elif word == "minLength":
            need(len(value) >= rule, at)
        elif word == "pattern":
            need(matching(rule.removeprefix("^").removesuffix("$"))(value), at)
        elif word == "minimum":
            need(value >= rule, at)
        elif word == "exclusiveMinimum":
            need(value > rule, at)
        elif word == "required":
            need(set(rule) <= value.keys(), f"{at}: a member is missing")
        elif word == "items":
            for index, one in enumerate(value):
                obey(one, rule, defs, f"{at}[{index}]")
        elif word == "properties":
            for name in rule.keys() & value.keys():
                obey(value[name], rule[name], defs, f"{at}.{name}")
        elif word == "additionalProperties":
            for name in value.keys() - schema.get("properties", {}).keys():
                need(rule is not False, f"{at}: an unknown member")
                obey(value[name], rule, defs, f"{at}.{name!r}")
        else:
            assert word in ABOUT, word


def obeys(value: Json, schema: Json, defs: Json, at: str) -> bool:
    try:
        obey(value, schema, defs, at)
    except Refused:
        return False
    return True


def total(lines: list[Json]) -> dict[str, int]:
    return {"objects": len(lines), "bytes": sum(line["size"] for line in lines)}


def added(sums: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(one[name] for one in sums) for name in ("objects", "bytes")}


def grouped(lines: list[Json], by: Callable[[Json], Json]) -> dict[Json, list[Json]]:
    groups: dict[Json, list[Json]] = {}
    for line in lines:
        groups.setdefault(by(line), []).append(line)
    return groups


def state(line: Json) -> str:
    return {None: "pending", "match": "verified"}.get(line["verdict"], "failed")


def check_counts(predicate: Json, lines: dict[str, list[Json]], manifest: bytes, head: str) -> None:
    """Sections 7.1 and 7.2: make every counted member from the lines, and compare."""
    names = [one["name"] for one in predicate["datasets"]]
    need(len(set(names)) == len(names), "a dataset twice")
    for line in [*lines["manifest.jsonl"], *lines["exclusions.jsonl"]]:
        need(line["dataset"] in names, "a line of no dataset")
    for member, found in counted(predicate, lines, manifest, head).items():
        need(same(predicate[member], found), f"{member}: not what the lines give")


def counted(predicate: Json, lines: dict[str, list[Json]], manifest: bytes, head: str) -> Json:
    """Return the members that follow from the lines and from what the datasets say of inventory."""
    moved, left = lines["manifest.jsonl"], lines["exclusions.jsonl"]
    findings, leaves = lines["findings.jsonl"], manifest.split(b"\n")[:-1]
    states = {
        "excluded": left,
        "verified": [line for line in moved if state(line) == "verified"],
        "failed": [line for line in moved if state(line) == "failed"],
        "pending": [line for line in moved if state(line) == "pending"],
    }

    datasets = []
    for one in predicate["datasets"]:
        tally = {
            name: total([line for line in found if line["dataset"] == one["name"]])
            for name, found in states.items()
        }
        inventoried = one["tally"]["inventoried"]
        closes = added(list(tally.values())) == inventoried
        datasets.append(one | {"tally": tally | {"inventoried": inventoried, "closes": closes}})

    batches = []
    for batch, members in grouped(datasets, lambda one: one["batch"]).items():
        names = {one["name"] for one in members}
        own = [at for at, line in enumerate(moved) if line["dataset"] in names]
        root = merkle_root([leaves[at] for at in own]).hex()
        words = four_words(members, [moved[at] for at in own])
        batches.append({"name": batch, "records": len(own), "merkle_root": root} | words)

    levels = grouped(states["verified"], lambda line: line["level"])
    verdicts = grouped(moved, lambda line: line["verdict"] or "none")
    outcome = four_words(datasets, moved) | {
        "states": {name: total(found) for name, found in states.items()}
        | {"inventoried": added([one["tally"]["inventoried"] for one in datasets])},
        "verdicts": {verdict: total(found) for verdict, found in verdicts.items()},
        "levels": {level: total(found) for level, found in levels.items()},
    }

    reasons = grouped(left, lambda line: (line["dataset"], line["rule"], line["reason"]))
    codes = grouped(findings, lambda line: line["code"])
    return {
        "journal": {"events": len(lines["journal.jsonl"]), "head": head},
        "manifest": manifest_member(moved, leaves) | claimed(moved, predicate),
        "datasets": datasets,
        "batches": batches,
        "outcome": outcome,
        "exclusions": [
            {"dataset": about[0], "rule": about[1], "reason": about[2], **total(reasons[about])}
            for about in sorted(reasons)
        ],
        "findings": {
            "total": len(findings),
            "codes": {code: len(found) for code, found in codes.items()},
        },
    }


def claimed(moved: list[Json], predicate: Json) -> Json:
    """Section 7.1, `claimed`: an optional member."""
    if "claimed" not in predicate["manifest"]:
        return {}
    planned = predicate["plan"]["canonical"].get("datasets")
    ignored = []
    for one in planned if isinstance(planned, list) else []:
        if isinstance(one, dict) and one.get("ignore_md5") is not None:
            ignored.append(one.get("name"))
    lines = [
        line for line in moved
        if line["verdict"] == "match" and line["level"] == "full"
        and line["source_md5"] is not None and line["dataset"] not in ignored
    ]  # fmt: skip
    return {"claimed": total(lines)}


def manifest_member(moved: list[Json], leaves: list[bytes]) -> Json:
    sizes, low = [], 0
    for below in (*(2**power for power in (12, 16, 20, 24, 28, 32, 36)), None):
        high = 2**64 if below is None else below
        fit = [line for line in moved if low <= line["size"] < high]
        sizes.append({"below": below, **total(fit)})
        low = high
    return {
        "records": len(moved),
        "merkle_root": merkle_root(leaves).hex(),
        "tree": "rfc9162-sha256",
        "digests": {
            name: sum(line[name] is not None for line in moved)
            for name in ("sha256", "source_md5", "stored_sha256")
        },
        "sizes": sizes,
    }


def four_words(datasets: list[Json], moved: list[Json]) -> dict[str, bool]:
    """Section 7.2, about these datasets and their lines of the manifest."""
    closed = all(one["closed"] for one in datasets)
    closes = all(one["tally"]["closes"] for one in datasets)
    some = any(state(line) == "verified" for line in moved)
    complete = closed and closes and some and all(state(line) == "verified" for line in moved)
    levels = {line["level"] for line in moved if line["verdict"] == "match"}
    return {
        "inventory_closed": closed,
        "counts_close": closes,
        "complete": complete,
        "proven": complete and levels == {"full"},
    }


COPIED = (
    *("migration", "rehearsal", "names", "tool", "times", "verification"),
    *("manifest", "datasets", "batches", "outcome", "exclusions", "findings"),
)


def check_summary(content: bytes, predicate: Json, signatures: list[Signature] | None) -> None:
    summary = {
        "version": 1,
        "draft": signatures is None,
        "signed_by": signatures[0][0] if signatures else None,
        "plan_digest": predicate["plan"]["digest"]["sha256"],
    } | {name: predicate[name] for name in COPIED}
    need(content == canonical(summary) + b"\n", "summary.json: not what the statement says")


# 9. Pages -----------------------------------------------------------------------------------------


def check_pages(files: dict[str, bytes], predicate: Json) -> None:
    meta = b'<meta name="statement-predicate-sha256"'
    whole = meta + b' content="%b">' % sha256(canonical(predicate)).hexdigest().encode()
    for name in filter(REPORT.fullmatch, files):
        before = files[name].partition(b"<title>")[0]
        need(whole in before, f"{name}: the page of another statement")
        need(files[name].count(meta) == 1, f"{name}: it names two statements")
