"""What an RO-Crate says of a bundle: its files, what made them, and when (RO-Crate 1.1).

The bundle's files stand in `evidence/`. Nothing here names an object of the migration, and nothing
is claimed that the statement does not say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hdh_migrate.evidence.lines.finals import finals
from hdh_migrate.evidence.page.chronicle import chronicle_of
from hdh_migrate.evidence.page.declared import declared_of
from hdh_migrate.evidence.reading import CheckedBundle

Entity = Mapping[str, object]
"""One node of the graph, as JSON-LD has it."""

SPECIFICATION: Final = "https://w3id.org/ro/crate/1.1"
EVIDENCE: Final = "evidence/"

_ABOUT: Final = {
    "manifest.jsonl": "One line for each object that was to be moved, with its digests and verdict",
    "exclusions.jsonl": "One line for each object that a rule of the plan left behind",
    "findings.jsonl": "One line for each open finding",
    "journal.jsonl": "Every event of the migration's ledger, as a chain of digests",
    "statement.json": "The statement about all of it (in-toto), signed (DSSE)",
    "summary.json": "A part of the statement, for programs",
    "SHA256SUMS": "The digests of all other files of the evidence",
    "timestamp.tsr": "A time-stamp (RFC 3161) over the first signature",
}
_KINDS: Final = {
    ".jsonl": "application/jsonl", ".json": "application/json", ".py": "text/x-python",
    ".html": "text/html", ".tsr": "application/timestamp-reply",
}  # fmt: skip


def crate_metadata(reading: CheckedBundle, files: Sequence[tuple[str, int, str]]) -> str:
    """Return `ro-crate-metadata.json` of a bundle whose files have these names, sizes, digests."""
    graph = [*_crate(reading), *_migration(reading, files), *_files(files)]
    made = {"@context": f"{SPECIFICATION}/context", "@graph": graph}
    return json.dumps(made, ensure_ascii=False, indent=2) + "\n"


def _crate(reading: CheckedBundle) -> Iterator[Entity]:
    said = reading.predicate
    draft = " (draft, not evidence)" if reading.draft else ""
    outcome = "complete" if said["outcome"]["complete"] else "not complete"
    proven = "proven by reading all of it back" if said["outcome"]["proven"] else "not proven"
    months = chronicle_of(reading.folder / "journal.jsonl")
    ended = finals(said, months.passed.finalized, months.listed)
    passed = [line for one in ended for line in one.passed]
    since = f"; made final in spite of {' and '.join(passed)}" if passed else ""
    yield {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": SPECIFICATION},
    }
    root: dict[str, object] = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Evidence of the migration {said['migration']}{draft}",
        "description": f"What was moved, what was not, and how that was checked: {outcome},"
        f" {proven}{since}. The folder evidence/ is a whole bundle and verifies by itself.",
        "datePublished": said["times"]["written"][:10],
        "identifier": f"urn:sha256:{reading.statement_sha256}",
        "license": {"@id": "#rights"},
        "mentions": {"@id": "#migration"},
        "hasPart": {"@id": EVIDENCE},
    }
    if said["operator"] is not None:
        root["author"] = {"@id": "#operator"}
    if keeper := _keeper(reading):
        root["publisher"] = {"@id": "#keeper"}
        yield {"@id": "#keeper", "@type": "Organization", "name": keeper}
    yield root
    yield {
        "@id": "#rights",
        "@type": "CreativeWork",
        "name": "Not for publication",
        "description": "For those who may see the migration's evidence. Names of objects in it may"
        " identify people."
        if reading.names == "plain"
        else "For those who may see the migration's evidence. Names of objects are replaced by"
        " keyed digests.",
    }


def _keeper(reading: CheckedBundle) -> str | None:
    """Return who keeps the evidence, as people declared in the plan."""
    kept = declared_of(reading.predicate).get("kept")
    return None if kept is None else kept["by"]


def _migration(reading: CheckedBundle, files: Sequence[tuple[str, int, str]]) -> Iterator[Entity]:
    said, tool = reading.predicate, reading.predicate["tool"]
    times = said["times"]
    action: dict[str, object] = {
        "@id": "#migration",
        "@type": "CreateAction",
        "name": f"Migration {said['migration']}",
        "description": "Objects were copied from the source to the target, and compared",
        "instrument": {"@id": "#tool"},
        "result": [{"@id": f"{EVIDENCE}{name}"} for name, _, _ in files],
    }
    known = {"startTime": times["started"], "endTime": times["ended"]}
    action.update({member: moment for member, moment in known.items() if moment is not None})
    if said["operator"] is not None:
        action["agent"] = {"@id": "#operator"}
        yield {"@id": "#operator", "@type": "Person", "name": said["operator"]}
    yield action
    yield {
        "@id": "#tool",
        "@type": "SoftwareApplication",
        "name": tool["name"],
        "version": tool["version"],
        "identifier": f"urn:sha256:{tool['code']['sha256']}",
    }


def _files(files: Sequence[tuple[str, int, str]]) -> Iterator[Entity]:
    yield {
        "@id": EVIDENCE,
        "@type": "Dataset",
        "name": "The bundle",
        "description": "The evidence itself: its statement names every other file's digest",
        "hasPart": [{"@id": f"{EVIDENCE}{name}"} for name, _, _ in files],
    }
    for name, size, sha256 in files:
        yield {
            "@id": f"{EVIDENCE}{name}",
            "@type": "File",
            "name": name,
            "description": _about(name),
            "contentSize": str(size),
            "encodingFormat": _kind(name),
            "identifier": f"urn:sha256:{sha256}",
        }


def _about(name: str) -> str:
    if name.startswith("report."):
        return f"The report for people, in the language {name.split('.')[1]}"
    return _ABOUT.get(name, "A part of the verifier that travels in the bundle")


def _kind(name: str) -> str:
    return next((kind for end, kind in _KINDS.items() if name.endswith(end)), "text/plain")
