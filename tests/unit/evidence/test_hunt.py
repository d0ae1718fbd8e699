"""A hunt: what is shown of a migration is changed piece by piece, without the key and with it.

Without the key no change of any byte may be accepted that changes a meaning. With it (an insider:
who holds both ledger and report key) everything that can follow is drawn anew, pages included; what
both verifiers then take is the list of what docs/verification.md says cannot be checked.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import string
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.lines.unresolved import Unresolved
from hdh_migrate.evidence.page.chronicle import chronicle_of
from hdh_migrate.evidence.page.findings import GravestFindings
from hdh_migrate.evidence.page.html import render_report
from hdh_migrate.evidence.page.pages import compare_pages
from hdh_migrate.evidence.reading import read_bundle
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.signatures import UNKNOWN
from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.support.second_cutovers import folded
from tests.unit.evidence.builders import signer
from tests.unit.evidence.forgery import Desk, Files, load, refresh, resummed, summary
from tests.unit.evidence.rich import rich

pytestmark = pytest.mark.slow

CODE = "77" * 32
"""What the builders' facts say of the code that wrote the pages."""
DRAWN = int(os.environ.get("HDH_TEST_HUNT", "2"))
"""Places of each file, and a third of the texts of each page, that are changed: a draw, the same
each time. Whole hunts ask for more (12 takes minutes)."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    tmp = tmp_path_factory.mktemp("hunt")
    key = signer(tmp, "one")
    rich(tmp / "good", key, whole=True, bare=True)
    made = Desk(tmp / "changed", load(tmp / "good"), (key,))
    assert made.judge(made.files) == ([], [])
    return made


def audited(desk: Desk, files: Files) -> list[str]:
    """Return what `audit verify` says, the pages compared."""
    desk.lay(files)
    trusted = [key.verifier for key in desk.keys[:1]]
    return examine(desk.folder, trusted, also=partial(compare_pages, trusted, CODE)).problems


def draw(name: str, count: int, most: int = DRAWN) -> list[int]:
    """Return places of a file: its ends, and others that are the same each time."""
    inner = random.Random(name).sample(range(count), min(most, count))
    return sorted({0, count - 1, *inner})


# --- without the key ------------------------------------------------------------------------------


def byte_by_byte(desk: Desk) -> Iterator[tuple[str, Files]]:
    for name, content in desk.files.items():
        # Of the verifier's own code each file is judged alike: by its digest and nothing else.
        places = [len(content) // 2] if name.endswith(".py") else draw(name, len(content))
        for at in places:
            for put in (bytes([content[at] ^ 1]), b"", b"0" + content[at : at + 1]):
                changed = content[:at] + put + content[at + 1 :]
                if changed != content:
                    files = {**desk.files, name: changed}
                    yield f"{name} at {at}: {put!r}", files
                    if name != "SHA256SUMS":
                        yield f"{name} at {at}: {put!r}, summed up anew", resummed(files)


def test_no_byte_of_a_bundle_is_changed_without_the_key(desk: Desk) -> None:
    taken = desk.agree(byte_by_byte(desk))

    assert len(taken) > 200
    assert [label for label, accepted in taken.items() if accepted] == []


def test_no_letter_of_a_signature_is_changed_without_the_key(desk: Desk) -> None:
    envelope = desk.files["statement.json"]
    begin = envelope.index(b'"signatures"')
    letters = (string.ascii_letters + string.digits + '+/="{}[]:, ').encode()

    def cases() -> Iterator[tuple[str, Files]]:
        for at in range(begin, len(envelope) - 1, max(1, 12 // DRAWN)):
            for put in random.Random(at).sample(letters, 2):
                changed = envelope[:at] + bytes([put]) + envelope[at + 1 :]
                if changed != envelope:
                    files = resummed({**desk.files, "statement.json": changed})
                    yield f"{at}: {chr(put)}", files

    assert [label for label, accepted in desk.agree(cases()).items() if accepted] == []


def test_no_file_is_taken_away_added_or_exchanged_without_the_key(desk: Desk) -> None:
    def cases() -> Iterator[tuple[str, Files]]:
        names = sorted(desk.files)
        for name, other in zip(names, [*names[1:], names[0]], strict=True):
            if name != "SHA256SUMS":  # which is made anew
                without = {one: content for one, content in desk.files.items() if one != name}
                yield f"without {name}", resummed(without)
            yield f"{name} twice", resummed({**desk.files, f"{name}.bak": desk.files[name]})
            exchanged = {name: desk.files[other], other: desk.files[name]}
            yield f"{name} for {other}", resummed({**desk.files, **exchanged})
        yield (
            "a page more",
            resummed({**desk.files, "report.de.html": desk.files["report.fr.html"]}),
        )
        yield "an empty file", resummed({**desk.files, "empty": b""})

    assert [label for label, accepted in desk.agree(cases()).items() if accepted] == []


# --- with the key ---------------------------------------------------------------------------------


def texts(page: bytes) -> list[re.Match[bytes]]:
    """Return what stands between the tags of a page's body, and its labels."""
    body = page.index(b"<body>")
    found = re.finditer(rb'(?<=>)[^<>]*[^<>\s][^<>]*(?=<)|(?<=label=")[^"]+(?=")', page)
    return [one for one in found if one.start() > body]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_page_that_says_anything_else_than_the_statement_is_not_the_page_of_it(
    desk: Desk, language: str
) -> None:
    """Each drawn text is changed and signed; verify.py cannot tell, `audit verify` does."""
    name = f"report.{language}.html"
    page = desk.files[name]
    every = texts(page)
    assert len(every) > 200

    for number in draw(name, len(every), 3 * DRAWN):
        at, said = every[number].start(), every[number].group()
        digits = re.search(rb"\d", said)
        other = (
            said[: digits.start()]
            + bytes([48 + (digits.group()[0] - 47) % 10])
            + said[digits.end() :]
            if digits
            else said.rstrip() + b"."
        )
        changed = page[:at] + other + page[at + len(said) :]
        assert changed != page
        problems = audited(desk, desk.forged({name: changed}))
        assert problems == [f"{name}: not the page of this statement"], said


def claimed(desk: Desk, other: Signer, *, first: bool) -> Files:
    """Let a bundle say that another key signed it, too; `first`: it is what pages name."""
    statement, files = desk.statement(), dict(desk.files)
    if first:
        files["summary.json"] = summary(statement, other.key_id)
    refresh(statement, files, [sha256_hex(content) for content in desk.files.values()])
    envelope = json.loads(desk.envelope(statement))
    (mine,) = envelope["signatures"]
    lie = {"keyid": other.key_id, "sig": mine["sig"]}
    envelope["signatures"] = [lie, mine] if first else [mine, lie]
    return resummed({**files, "statement.json": canonical_json(envelope) + b"\n"})


def test_no_key_is_named_as_a_signer_that_did_not_sign(desk: Desk, tmp_path: Path) -> None:
    """One that is trusted, nobody may name; of one that is not it is said that nobody judged it."""
    other = signer(tmp_path, "witness")
    cases = {f"first: {first}": claimed(desk, other, first=first) for first in (True, False)}
    both = [desk.keys[0].verifier, other.verifier]
    assert [*desk.agree(cases.items(), trusted=both).values()] == [False, False]

    for files in cases.values():
        assert desk.judge(files) == ([], [])
        said = examine(desk.folder, both[:1])
        assert UNKNOWN.format(1) in said.open
    desk.lay(desk.files)
    assert not any("do not trust" in one for one in examine(desk.folder, both[:1]).open)


def test_a_rehearsal_names_nobody_as_having_approved(desk: Desk) -> None:
    """It rests on no approval, so none is checked: whoever is named there is not shown."""
    lines = desk.files["journal.jsonl"].splitlines()
    number, at = len(lines) + 1, json.loads(lines[-1])["at"]
    body = {
        "batch": "pilote", "track": "rehearsal", "approvals": ["5e" * 32], "terms": None,
        "approved_stage": "cutover", "old_sha256": "1" * 64, "new_sha256": "2" * 64,
        "root": "3" * 64, "guard": "checked", "strangers": 0,
    }  # fmt: skip
    event = {"seq": number, "at": at, "kind": "cutover-switching", "digest": "0" * 64}
    event["body"] = canonical_json(body).decode()
    told = [("cutover-switching", at, body)]
    journal = b"\n".join([*lines, canonical_json(event), b""])

    files = desk.forged(
        {"journal.jsonl": journal},
        lambda statement: statement["predicate"].update(cutovers=folded(told)),
    )
    files = repaged(desk, files)
    assert desk.judge(files) == ([], [])
    assert audited(desk, files) == []
    for language in ("fr", "en"):
        assert "5e" * 8 not in files[f"report.{language}.html"].decode()


Body = dict[str, Any]


def grants_changed(desk: Desk, kind: str, change: Callable[[Body], object]) -> Files:
    """Change the first event of a kind as an insider would; request, chain and pages follow."""
    lines, done = [], False
    for line in desk.files["journal.jsonl"].splitlines():
        event = json.loads(line)
        if event["kind"] == kind and not done:
            body, done = json.loads(event["body"]), True
            change(body)
            if kind == "grant-asked":
                about = {name: value for name, value in body.items() if name not in _ASIDE}
                body["request"] = sha256_hex(canonical_json(about))
            event["body"] = canonical_json(body).decode()
        lines.append(canonical_json(event) + b"\n")
    assert done, kind
    return repaged(desk, desk.forged({"journal.jsonl": b"".join(lines)}))


_ASIDE = {"request", "user"}


def repaged(desk: Desk, files: Files) -> Files:
    """Make the pages of a changed bundle again, and sign once more."""
    desk.lay(files)
    reading = read_bundle(desk.folder)
    months = chronicle_of(desk.folder / "journal.jsonl")
    shown = GravestFindings.of(line for _, line in reading.findings())
    unresolved = Unresolved.of(reading.predicate["waivers"], shown)
    pages = {
        f"report.{language}.html": render_report(
            reading.predicate, shown, desk.keys[0].verifier, language, months, unresolved
        )
        for language in ("fr", "en")
    }
    statement = json.loads(base64.b64decode(json.loads(files["statement.json"])["payload"]))
    for subject in statement["subject"]:
        if subject["name"] in pages:
            subject["digest"]["sha256"] = sha256(pages[subject["name"]]).hexdigest()
    return resummed({**files, **pages, "statement.json": desk.envelope(statement)})


OTHER: dict[str, Any] = {
    "grant": "g-of-nobody", "dataset": "no-such-dataset", "batch": "remboursements",
    "permit": "P", "purpose": "p", "reader": "c4gh:0000000000000000", "key": "ab" * 32,
    "until": "2099-01-01T00:00:00Z", "selection": "cd" * 32, "objects": 91, "bytes": 1,
    "manifest": "ef" * 32, "user": "eve@elsewhere", "root": "12" * 32, "pack_sha256": "13" * 32,
    "statement_sha256": "14" * 32, "approvals": [], "reason": "r", "bucket": "b", "principal": "p",
    "allowed": False, "sha256": "15" * 32,
}  # fmt: skip
BY_WORD_ALONE = {
    "grant-asked": {"permit", "purpose", "until", "selection", "manifest", "user"},
    "grant-given": {"root", "pack_sha256", "statement_sha256", "approvals"},
    "grant-revoked": {"reason", "user"},
    "grant-policy-setting": set(),
    "grant-policy-set": {"sha256"},
}
"""What the journal says of a grant and nothing in the bundle bears out."""


def putting(member: str) -> Callable[[Body], object]:
    return lambda body: body.update({member: OTHER[member]})


def without(member: str) -> Callable[[Body], object]:
    return lambda body: body.pop(member)


@pytest.mark.parametrize("kind", BY_WORD_ALONE)
def test_what_an_insider_may_say_of_a_grant_is_what_the_journal_alone_says(
    desk: Desk, kind: str
) -> None:
    event = next(
        json.loads(json.loads(line)["body"])
        for line in desk.files["journal.jsonl"].splitlines()
        if json.loads(line)["kind"] == kind
    )
    accepted = set()
    for member in event.keys() - {"request"}:
        files = grants_changed(desk, kind, putting(member))
        first, second = desk.judge(files)
        assert bool(first) == bool(second), (member, first, second)
        if not audited(desk, files):
            accepted.add(member)
        lacking = grants_changed(desk, kind, without(member))
        assert all(desk.judge(lacking)), member  # each member is asked for
    assert accepted == BY_WORD_ALONE[kind]


def test_what_an_insider_changes_in_the_journal_alone_is_seen_on_the_page(desk: Desk) -> None:
    """The fault of a hurried hand: the events say something new, the pages what they said."""
    changed = desk.files["journal.jsonl"].replace(b"EHDS-2027-001", b"EHDS-2027-009")
    assert changed != desk.files["journal.jsonl"]
    lines = []
    for line in changed.splitlines():
        event = json.loads(line)
        if event["kind"] == "grant-asked":
            body = json.loads(event["body"])
            about = {name: value for name, value in body.items() if name not in _ASIDE}
            body["request"] = sha256_hex(canonical_json(about))
            event["body"] = canonical_json(body).decode()
        lines.append(canonical_json(event) + b"\n")

    problems = audited(desk, desk.forged({"journal.jsonl": b"".join(lines)}))

    assert sum("the page of another statement" in one for one in problems) == 2


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"3 snapshots", b"4 snapshots"),
        (b"73400320 bytes", b"73400321 bytes"),
        (b"the target keeps it", b"the target kept it"),
        (b"etienne.le-goff@siege", b"claire.martin@siege"),
    ],
)
def test_a_parameter_of_a_finding_is_the_journals(desk: Desk, was: bytes, now: bytes) -> None:
    """Findings stand in lines and in the journal; both must say it, and then the pages."""
    for name in ("findings.jsonl", "journal.jsonl"):
        changed = desk.files[name].replace(was, now)
        assert changed != desk.files[name]
        first, second = desk.judge(desk.forged({name: changed}))
        assert first, name
        assert second, name


def test_a_french_finding_has_the_parameters_of_its_line(desk: Desk) -> None:
    """With lines and journal changed alike, pages that stay as they were are refused."""
    both = {
        name: desk.files[name].replace(b"73400320 bytes", b"83886080 bytes")
        for name in ("findings.jsonl", "journal.jsonl")
    }
    files = desk.forged(both)
    assert all("the page of another statement" in one for one in audited(desk, files))
    assert audited(desk, files) != []

    again = repaged(desk, files)
    assert desk.judge(again) == ([], [])
    assert audited(desk, again) == []
    assert "80,0\u00a0Mio" in again["report.fr.html"].decode()
    assert "70,0\u00a0Mio" in desk.files["report.fr.html"].decode()
