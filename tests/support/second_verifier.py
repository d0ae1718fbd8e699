"""A second verifier of evidence bundles, written from docs/evidence-format.md and its schema alone.

It shares no code and no author's habits with the one that bundles carry: everything is loaded, put
into dictionaries and compared, in the order of the document, whose sections the headings name. What
the two say of a bundle is compared in tests/unit/evidence/test_second_opinion.py, so that neither
the document nor the first verifier can drift from the other unseen.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from tests.support.second_beside import check_findings, check_lines
from tests.support.second_bodies import Event
from tests.support.second_counts import check_counts, check_summary, state
from tests.support.second_forms import Json, Refused, canonical, need
from tests.support.second_journal import check_told, read_told
from tests.support.second_lines import check_early_events, check_journal, check_order, read_lines
from tests.support.second_note import check_note
from tests.support.second_plan import check_plan, read_plan
from tests.support.second_schema import check_schema
from tests.support.second_stamp import Authority, check_stamp
from tests.support.second_statement import (
    FORMATS,
    Trusted,
    check_signatures,
    check_statement,
    open_statement,
)


def verify(
    folder: Path,
    trusted: Trusted,
    threshold: int,
    checkpoint: bytes | None = None,
    authority: Authority | None = None,
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
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    attempt(check_sums, files, digests)  # section 3
    opened = attempt(open_statement, files["statement.json"])  # section 6
    first = opened is not None and format_of(opened[1]) == 1
    attempt(check_names, files, first)
    lines = {name: attempt(read_lines, name, files[name], first) for name in JSONL}  # 2 and 4
    if None in lines.values():
        return problems
    attempt(check_order, lines, first)  # section 4.2
    head = attempt(check_journal, lines["journal.jsonl"])  # section 4.3
    if opened is None or head is None:
        return problems
    payload, statement, signatures = opened
    attempt(check_statement, statement, digests)
    predicate = statement.get("predicate")
    if attempt(check_schema, predicate, first) is None:  # section 7
        return problems
    written = predicate["times"]["written"]
    day = written[:10]
    if signatures is None:
        problems.append("a draft: nobody signed it")
    else:
        if authority is not None and "timestamp.tsr" in files:  # section 6.1
            stamp = files["timestamp.tsr"]
            day = attempt(check_stamp, stamp, payload, signatures, authority, written) or day
        problems += check_signatures(payload, signatures, day, trusted, threshold)
    attempt(check_counts, predicate, lines, files["manifest.jsonl"], head, first)
    attempt(check_summary, files["summary.json"], predicate, signatures, first)
    if first:
        attempt(check_early_events, lines["journal.jsonl"])  # section 11
    else:
        attempt(check_pages, files, predicate)  # section 9
    events: list[Event] | None = None
    plan = attempt(read_plan, predicate, first)
    if plan is not None and not problems:
        moved = [line for line in lines["manifest.jsonl"] if state(line) == "verified"]
        known = [line["sha256"] for line in moved if first or line["sha256"] is not None]
        attempt(check_plan, predicate, plan, len(known))  # section 7.3
    if plan is not None and not problems:
        if not first:
            events = attempt(read_told, predicate, lines)  # the forms of section 8
        attempt(check_lines, predicate, plan, lines, events or [])  # 7.5 and 7.6
    if plan is not None and not problems and not first:
        attempt(check_told, predicate, plan, lines, events)  # section 8
        attempt(check_findings, predicate, plan, lines)  # 7.7
    if checkpoint is not None:
        about = (predicate, files["journal.jsonl"], trusted, threshold, day)
        attempt(check_note, checkpoint, *about)  # section 10
    return problems


# 1. The folder ------------------------------------------------------------------------------------

JSONL = ("manifest.jsonl", "exclusions.jsonl", "findings.jsonl", "journal.jsonl")
ALWAYS = {
    *JSONL,
    *("verify.py", "stamp.py", "sample.py", "summary.json", "statement.json", "SHA256SUMS"),
}
SINCE_THE_SECOND = {
    *("addresses.py", "counts.py", "cutovers.py", "forms.py", "journal.py", "lines.py", "notes.py"),
    *("outcome.py", "planned.py", "rules.py", "signatures.py", "story.py"),
}
ALL_OR_NONE = {
    *("accounts.py", "bindings.py", "events.py", "grants.py", "headers.py", "looks.py"),
    *("members.py", "selection.py", "shapes.py"),
}
SINCE_APPROVALS = {"approvals.py"}
SINCE_WAIVERS = {"waivers.py"}
SINCE_JUDGEMENTS = {"judgements.py"}
REPORT = re.compile(r"report\.[a-z]{2}\.html")


def read_folder(folder: Path) -> dict[str, bytes]:
    files = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            plain = stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
            need(plain, f"{entry.name}: not a plain file")
            with open(entry.path, "rb", buffering=0) as file:
                files[entry.name] = file.readall()
    need(files.keys() >= ALWAYS, f"missing: {sorted(ALWAYS - files.keys())}")
    return files


def check_names(files: dict[str, bytes], first: bool) -> None:
    always = ALWAYS if first else ALWAYS | SINCE_THE_SECOND
    if not first and files.keys() & ALL_OR_NONE:
        always |= ALL_OR_NONE
        always |= files.keys() & SINCE_APPROVALS
        if files.keys() & SINCE_APPROVALS:
            always |= files.keys() & SINCE_WAIVERS
            if files.keys() & SINCE_WAIVERS:
                always |= files.keys() & SINCE_JUDGEMENTS
    need(files.keys() >= always, f"missing: {sorted(always - files.keys())}")
    for name in files.keys() - always - {"timestamp.tsr"}:
        need(REPORT.fullmatch(name), f"a file that no bundle has: {name!r}")


def format_of(statement: dict[str, Json]) -> int:
    """Return which format a statement says that it has; the second if it does not say it."""
    said = statement.get("predicateType")
    return FORMATS.get(said, 2) if isinstance(said, str) else 2


# 3. SHA256SUMS ------------------------------------------------------------------------------------


def check_sums(files: dict[str, bytes], digests: dict[str, str]) -> None:
    listed = [f"{digests[name]}  {name}\n" for name in sorted(digests) if name != "SHA256SUMS"]
    need("".join(listed).encode() == files["SHA256SUMS"], "SHA256SUMS: not the files' digests")


# 9. Pages -----------------------------------------------------------------------------------------


def check_pages(files: dict[str, bytes], predicate: Json) -> None:
    pages = [*filter(REPORT.fullmatch, files)]
    if not pages:
        return
    meta = b'<meta name="statement-predicate-sha256"'
    whole = meta + b' content="%b">' % sha256(canonical(predicate)).hexdigest().encode()
    for name in pages:
        before = files[name].partition(b"<title>")[0]
        need(whole in before, f"{name}: the page of another statement")
        need(files[name].count(meta) == 1, f"{name}: it names two statements")
