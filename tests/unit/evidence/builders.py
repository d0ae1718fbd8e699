"""Builders for evidence tests: small, whole, valid data that a test changes in one place."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from hdh_migrate.evidence.bundle import Bundle, write_bundle
from hdh_migrate.evidence.check import sums_text
from hdh_migrate.evidence.exports import keyed
from hdh_migrate.evidence.lines.facts import (
    DatasetFacts,
    Endpoint,
    Facts,
    Loss,
    ObjectCounts,
    StepPace,
)
from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE
from hdh_migrate.evidence.signatures.signing import Signer, load_signer, new_report_key
from hdh_migrate.evidence.verifier.counts import summary as summary_of
from hdh_migrate.evidence.verifier.verify import CODES
from hdh_migrate.fixity import MerkleTree, canonical_json, leaf_digest, sha256_hex
from hdh_migrate.model import Place, key_bytes

MIB = 1 << 20


def record(key: str = "a.csv", /, **changes: Any) -> dict[str, Any]:
    """One object that was moved and verified at level full, as the plan of `facts` leads to."""
    size, name = changes.get("size", 1000), changes.get("dataset", "pmsi")
    made = {
        "dataset": "pmsi",
        "key": key,
        "size": 1000,
        "source_version": "0x8DC1",
        "source_modified": "2026-03-01T08:00:00Z",
        "source_md5": None,
        "sha256": "11" * 32 if size else sha256_hex(b""),
        "bucket": "hds-emc2",
        "target_key": f"{name}/{key}.c4gh",
        "stored_size": sealed(size) if isinstance(size, int) else 1260,
        "stored_sha256": "22" * 32,
        "target_etag": '"etag"',
        "level": "full",
        "verdict": "match",
        "verified_at": "2026-03-02T09:30:00Z",
    }
    return {**made, **changes}


def sealed(size: int) -> int:
    """The stored size of an object that is sealed for two recipients."""
    return 124 + 108 + size + 28 * -(-size // 65_536)


def pending(key: str, **changes: Any) -> dict[str, Any]:
    unknown = ("sha256", "stored_size", "stored_sha256", "target_etag", "level", "verdict")
    return record(key, **{**dict.fromkeys(unknown), "verified_at": None, **changes})


def failed(key: str, **changes: Any) -> dict[str, Any]:
    return record(key, **{"verdict": "mismatch", **changes})


def exclusion(key: str, /, **changes: Any) -> dict[str, Any]:
    """One object that the plan of `facts` leaves behind, in the folder that it excludes."""
    made = {
        "dataset": "pmsi",
        "key": f"_t/{key}",
        "size": 10,
        "source_version": "0x8DC0",
        "rule": "exclude **/_t/**",
        "reason": "scratch",
    }
    return {**made, **changes}


def numbered(*findings: Line) -> list[dict[str, Any]]:
    """Give findings the numbers of a ledger."""
    return [{**one, "number": number} for number, one in enumerate(findings, start=1)]


def placed(finding: Line, lines: Sequence[Line], datasets: Sequence[DatasetFacts]) -> Line:
    """Let the finding that `finding` makes be about an object that is there."""
    there = {(line["dataset"], line["key"]) for line in lines}
    if finding["key"] != "a.csv" or (finding["dataset"], "a.csv") in there:
        return finding
    if there:
        name, key = min(there)
        return {**finding, "dataset": name, "key": key}
    return {**finding, "dataset": datasets[0].name if datasets else None, "key": None}


def finding(code: str = "md5-claim-differs", **changes: Any) -> dict[str, Any]:
    made = {
        "at": "2026-03-02T09:00:00Z",
        "code": code,
        "number": 1,
        "severity": "finding",
        "dataset": "pmsi",
        "key": "a.csv",
        "message": "the source's MD5 is not that of its bytes",
        "step": "transfer",
    }
    return {**made, **changes}


def dataset(objects: int, size: int | None = None, **changes: Any) -> DatasetFacts:
    name = changes.get("name", "pmsi")
    made = DatasetFacts(
        name="pmsi",
        batch="pilot",
        source=Place(bucket="emc2", prefix=""),
        target=Place(bucket="hds-emc2", prefix=f"{name}/"),
        inventoried=ObjectCounts(objects, objects * 1000 if size is None else size),
    )
    return replace(made, **changes)


SECURED = tuple(
    f"{what} sha256:{'ab' * 32}"
    for what in ("TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.3 TLS_AES_256_GCM_SHA384")
)
"""What connections were secured with, as an endpoint's `tls` tells it."""
SOURCE = Endpoint(
    side="source",
    kind="azure-blob",
    url="https://hdhprod.blob.core.windows.net",
    bytes_read=3_400 * MIB,
    requests=12,
    addresses=("20.60.1.1",),
)
TARGET = Endpoint(
    side="target",
    kind="scaleway",
    url="https://s3.fr-par.scw.cloud",
    region="fr-par",
    bytes_read=3_402 * MIB,
    bytes_written=3_402 * MIB,
    requests=13,
    addresses=("51.159.1.1",),
)


def facts(*datasets: DatasetFacts, **changes: Any) -> Facts:
    plan = {
        "version": 1,
        "migration": "emc2-exit",
        "source": {"kind": "azure-blob", "account_url": SOURCE.url},
        "target": {"provider": "scaleway", "region": "fr-par"},
        "seal": {
            "format": "crypt4gh",
            "recipients": ["keys/steward.pub", "keys/escrow.pub"],
            "suffix": ".c4gh",
        },
        "verify": {"level": "full", "source": "once"},
        "datasets": [
            {
                "name": one.name,
                "source": {"container": one.source.bucket, "prefix": one.source.prefix},
                "target": {
                    "bucket": one.target.bucket,
                    "prefix": one.target.prefix,
                    "legal_hold": False,
                },
                "include": [],
                "exclude": [{"glob": "**/_t/**", "reason": "scratch"}],
            }
            for one in datasets
        ],
        "batches": [{"name": one.batch, "datasets": [one.name]} for one in datasets],
    }
    made = Facts(
        migration="emc2-exit",
        plan=plan,
        plan_digest=sha256_hex(canonical_json(plan)),
        tool_version="0.1.0",
        code_sha256="77" * 32,
        written_at="2026-03-02T10:15:30Z",
        started_at="2026-03-01T22:00:00Z",
        ended_at="2026-03-02T10:15:00Z",
        endpoints=(SOURCE, TARGET),
        datasets=datasets,
        verify_level="full",
        seal="crypt4gh",
        recipients=("c4gh:" + "3" * 16, "c4gh:" + "4" * 16),
    )
    return replace(made, **changes)


def replanned(about: Facts, **changes: Any) -> Facts:
    """Return the facts of another plan: with these fields in place."""
    plan = {**about.plan, **changes}
    digest = sha256_hex(canonical_json(plan))
    return replace(about, plan=plan, plan_digest=digest, migration=plan["migration"])


def at_level(about: Facts, level: str) -> Facts:
    """Return the facts of a plan that asks for this level."""
    return replace(replanned(about, verify={"level": level, "source": "once"}), verify_level=level)


def at_places(about: Facts, source: Endpoint, target: Endpoint) -> Facts:
    """Return the facts of a plan with these endpoints."""
    origin = {"kind": source.kind, "account_url": source.url}
    host = {"provider": target.kind, "region": target.region, "endpoint": target.url}
    if source.kind == "folder":
        del origin["account_url"]
    places = tuple(map(contacted, (source, target)))
    return replace(replanned(about, source=origin, target=host), endpoints=places)


def contacted(place: Endpoint) -> Endpoint:
    """Return an endpoint with the address at which it was contacted."""
    if place.kind == "folder":
        return replace(place, bytes_read=0, requests=0, addresses=())
    return replace(place, requests=1, addresses=("127.0.0.1",)) if place.is_local else place


def excluding(about: Facts, *rules: tuple[str, str]) -> Facts:
    """Return the facts of a plan whose datasets exclude by these globs, for these reasons."""
    told = [{"glob": glob, "reason": reason} for glob, reason in rules]
    return replanned(about, datasets=[{**one, "exclude": told} for one in about.plan["datasets"]])


def signer(folder: Path, name: str = "report") -> Signer:
    private, _ = new_report_key(folder, name, None)
    return load_signer(private, None)


def bundle(
    out: Path,
    records: Iterable[Mapping[str, Any]],
    *,
    about: Facts,
    signer: Signer | None = None,
    findings: Iterable[Mapping[str, Any]] = (),
    exclusions: Iterable[Mapping[str, Any]] = (),
    languages: Iterable[str] = (),
    checked: bool = False,
    telling: Callable[[list[Told]], Iterable[Told]] | None = None,
) -> Bundle:
    """Write a bundle whose journal tells what its lines are; `telling` changes what it tells."""
    # What they hold may be wrong on purpose: no type holds them to what a line has.
    records, exclusions = list[Any](records), list[Any](exclusions)
    findings = list[Any](
        numbered(*(placed(one, [*records, *exclusions], about.datasets) for one in findings))
    )
    events = chained((telling or list)(list(told(about, records, exclusions, findings))))
    return write_bundle(
        out,
        records=records,
        facts=consistent(about, records),
        findings=findings,
        exclusions=exclusions,
        journal=events if about.names == "plain" else keyed.journal(events),
        signer=signer,
        languages=tuple(languages),
        checked=checked,
    )


def streamed(
    out: Path, stream: Iterable[Any], told: Sequence[Line], *, about: Facts, languages: Any = ()
) -> Bundle:
    """Write records that are made while they are written; `told` is what they come to."""
    return write_bundle(
        out, records=stream, facts=consistent(about, told), findings=(), exclusions=(),
        journal=journal(about, told), signer=None, languages=languages, checked=False,
    )  # fmt: skip


Line = Mapping[str, Any]
Told = tuple[str, str, dict[str, Any]]
Event = tuple[int, str, str, str, bytes]


def consistent(about: Facts, records: Sequence[Line]) -> Facts:
    """Return the facts with what must follow from the records, where the test says nothing."""
    verified = [line for line in records if line["verdict"] == "match"]
    if not about.sha256_in_transfer and not about.sha256_in_verify:
        taken = sum(line["sha256"] is not None for line in verified)
        about = replace(about, sha256_in_transfer=taken)
    if verified and not about.paces:
        at, size = moment_of(about), sum(line["size"] for line in verified)
        bins = (ObjectCounts(len(verified), size),)
        paces = (
            StepPace(step=step, started=at, ended=at, seconds=1.0, bins=bins)
            for step in ("transfer", "verify")
        )
        about = replace(about, paces=tuple(paces))
    moved = Counter(line["dataset"] for line in records if line["verdict"] in (None, "match"))
    told = [loss for loss in about.losses if loss.what != "modified"]
    modified = (
        Loss(dataset=one.name, what="modified", objects=moved[one.name], kept="manifest")
        for one in about.datasets
        if moved[one.name]
    )
    if "modified" not in {loss.what for loss in about.losses}:
        about = replace(about, losses=(*modified, *told))
    return about


def journal(
    about: Facts,
    records: Sequence[Line] = (),
    exclusions: Sequence[Line] = (),
    findings: Sequence[Line] = (),
) -> Iterator[Event]:
    """Give the journal of a run that led to these lines, chained as the ledger chains it."""
    return chained(told(about, records, exclusions, findings))


def chained(events: Iterable[Told]) -> Iterator[Event]:
    head = bytes(32)
    for seq, (at, kind, body) in enumerate(events, start=1):
        text = canonical_json(body).decode()
        head = sha256(head + canonical_json([seq, at, kind, text])).digest()
        yield seq, at, kind, text, head


LOOK = {
    "batch": "pilot", "number": 1, "level": "full", "at": "2026-03-02T10:00:00Z", "objects": 2,
    "gone": 0, "damaged": 0, "replaced": 1, "unread": 1, "ended": True,
}  # fmt: skip
"""What a statement says of a look at a batch; nothing was gone or damaged, which drops rows."""


def looked(about: Facts, at: str) -> Iterator[Told]:
    """Give the events that a statement's looks come from."""
    for look in about.looks:
        which = {name: look[name] for name in ("batch", "number", "level")}
        yield at, "looking-again", which
        ids = count(1)
        found = {
            name: [next(ids) for _ in range(look[name])]
            for name in ("gone", "damaged", "replaced", "unread")
        }
        yield at, "looked-again", {**which, "at": look["at"], "objects": look["objects"], **found}
        if look["ended"]:
            yield at, "look-ended", {"batch": look["batch"], "number": look["number"]}


def told(
    about: Facts,
    records: Sequence[Line],
    exclusions: Sequence[Line],
    findings: Sequence[Line],
) -> Iterator[Told]:
    at, ids = moment_of(about), count(1)
    closed = {one.name for one in about.datasets if one.closed}
    if about.started_at is not None:
        yield about.started_at, "run-started", {"plan_digest": about.plan_digest}
    else:
        yield at, "provisioned", {}
    if about.capabilities is not None:
        record = sha256_hex(canonical_json(about.capabilities))
        yield about.started_at or at, "probed", {"record_sha256": record}
    for one in about.datasets:
        if one.closed:
            yield (
                at,
                "inventoried",
                {"dataset": one.name, **inventoried(one.name, records, exclusions)},
            )
    if findings:
        named = sorted({(line["dataset"], line["key"]) for line in findings if line["key"]})
        objects = {one: number for number, one in enumerate(named, start=1)}
        opened = [
            {
                name: line[name]
                for name in ("number", "at", "code", "severity", "dataset", "message")
            }
            | {"object": None if line["key"] is None else objects[line["dataset"], line["key"]]}
            for line in findings
        ]
        yield at, "findings", {"opened": opened}
    for kind, matches in (("verified", True), ("failed", False)):
        names = Counter(
            line["dataset"]
            for line in records
            if line["verdict"] is not None and (line["verdict"] == "match") is matches
            if matches or line["dataset"] in closed
        )
        if names and matches:
            sent = [number + 1 for number in range(names.total())]
            yield at, "sent", {"ids": sent, "rows_sha256": "00" * 32}
        if names:
            body = {"ids": [next(ids) for _ in range(names.total())], "datasets": dict(names)}
            yield at, kind, body | {"rows_sha256": "00" * 32}
    for proof in about.proved:
        drilled: dict[str, Any] = {"fingerprint": proof["recipient"], "user": "claire@ops"}
        if "stored" in proof:
            drilled["stored"] = dict(proof["stored"])
        yield proof["at"], "drilled", drilled
    for number, opening in enumerate(about.openings, start=1):
        yield at, "object-opened", {"number": number, **opening}
    yield from looked(about, at)
    stories: Sequence[Mapping[str, Any]] = about.cutovers  # of tests not all are whole
    for story in stories:
        if "stage" in story:
            continue  # told by the test
        about_it = {"batch": story.get("batch"), "track": story.get("track")}
        yield from (
            (when, f"cutover-{what}", about_it) for what, when in story.get("times", {}).items()
        )
    if about.ended_at is not None:
        traffic: list[dict[str, Any]] = [
            {
                "side": place.side, "endpoint": place.url, "addresses": list(place.addresses),
                "bytes_read": place.bytes_read, "bytes_written": place.bytes_written,
                "requests": place.requests, **({"tls": list(place.tls)} if place.tls else {}),
            }
            for place in about.endpoints
            if place.url != "folder:"
        ]  # fmt: skip
        known = {entry["endpoint"]: entry for entry in traffic}
        for endpoint, seconds in about.clock_offsets.items():
            if endpoint not in known:
                nothing = {"bytes_read": 0, "bytes_written": 0, "requests": 0, "addresses": []}
                known[endpoint] = {"side": "target", "endpoint": endpoint, **nothing}
                traffic.append(known[endpoint])
            known[endpoint]["clock_offset"] = seconds
        yield about.ended_at, "run-ended", {"traffic": traffic}


def moment_of(about: Facts) -> str:
    """The time of everything that happens between beginning and end."""
    return about.ended_at or about.started_at or about.written_at


def inventoried(
    dataset: str, records: Sequence[Line], exclusions: Sequence[Line]
) -> dict[str, Any]:
    """What the journal says of an inventory that these lines are."""
    left = [(line, True) for line in exclusions if line["dataset"] == dataset]
    lines = [(line, False) for line in records if line["dataset"] == dataset] + left
    lines.sort(key=lambda one: key_bytes(one[0]["key"]))
    return {
        **covered([line for line, _ in lines]),
        "excluded": covered([line for line, excluded in lines if excluded]),
    }


def covered(lines: Sequence[Line]) -> dict[str, Any]:
    tree = MerkleTree()
    for line in lines:
        tree.append(leaf_of(line))
    size = sum(line["size"] or 0 for line in lines)
    return {"objects": len(lines), "bytes": size, "root": tree.root()}


def leaf_of(line: Line) -> bytes:
    """The leaf of an inventoried object."""
    version = line["source_version"].encode()
    return leaf_digest(b"%b\0%d\0%b" % (key_bytes(line["key"]), line["size"] or 0, version))


def in_first_format(made: Bundle, key: Signer) -> Bundle:
    """Turn a bundle without exclusions and findings into one of the first format."""
    for name in set(CODES[2]) - set(CODES[1]):
        (made.folder / name).unlink()
    envelope = json.loads((made.folder / "statement.json").read_bytes())
    said = json.loads(base64.b64decode(envelope["payload"]))
    said["predicateType"] = "urn:hdh-migrate:evidence:v1"
    for later in ("claimed", "largest"):
        said["predicate"]["manifest"].pop(later, None)
    said["predicate"]["seal"].pop("files", None)
    for one in said["predicate"]["datasets"]:
        one.pop("own", None)
        one.pop("own_verified", None)
    summary = canonical_json(summary_of(said["predicate"], key.key_id, 1)) + b"\n"
    (made.folder / "summary.json").write_bytes(summary)
    for one in said["subject"]:
        if one["name"] == "summary.json":
            one["digest"] = {"sha256": sha256_hex(summary)}
    said["subject"] = [one for one in said["subject"] if one["name"] not in CODES[2]] + [
        {"name": name, "digest": {"sha256": sha256_hex((made.folder / name).read_bytes())}}
        for name in CODES[1]
    ]
    payload = canonical_json(said)
    envelope = key.sign(STATEMENT_TYPE, payload)
    (made.folder / "statement.json").write_bytes(canonical_json(envelope) + b"\n")
    reseal_sums(made.folder)
    return replace(made, statement_sha256=sha256_hex(payload))


def reseal_sums(folder: Path) -> None:
    """Write SHA256SUMS anew, as someone would who changed a file on purpose."""
    (folder / "SHA256SUMS").write_bytes(sums_text(digests_of(folder)))


def digests_of(folder: Path) -> dict[str, str]:
    """Return the digest of every file that SHA256SUMS lists."""
    return {
        file.name: sha256_hex(file.read_bytes())
        for file in folder.iterdir()
        if file.name != "SHA256SUMS"
    }


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
