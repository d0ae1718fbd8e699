"""The two verifiers agree on pages, checkpoints and stamps: sections 6.1, 9 and 10."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.signing import TrustedKey, load_trusted_key
from hdh_migrate.evidence.signatures.stamps import request
from hdh_migrate.evidence.verifier.forms import Wrong
from hdh_migrate.evidence.verifier.notes import read_note
from hdh_migrate.fixity import canonical_json
from tests.support import second_verifier as second
from tests.support.authority import TIME_STAMPING, Authority, issue
from tests.support.second_forms import merkle_root
from tests.unit.evidence.forgery import Desk, Files, resummed
from tests.unit.evidence.worlds import (
    laid,
    world,
)

pytestmark = pytest.mark.slow


# --- 9 and 10 -------------------------------------------------------------------------------------


def test_pages_are_judged_alike(desk: Desk) -> None:
    def page(whole: bytes) -> Files:
        files = laid(desk, world())
        statement = json.loads(base64.b64decode(json.loads(files["statement.json"])["payload"]))
        digest = sha256(canonical_json(statement["predicate"])).hexdigest().encode()
        files["report.xx.html"] = whole.replace(b"DIGEST", digest)
        found = sha256(files["report.xx.html"]).hexdigest()
        statement["subject"].append({"name": "report.xx.html", "digest": {"sha256": found}})
        return desk.signed(files, statement)

    meta = b'<meta name="statement-predicate-sha256" content="DIGEST">'
    pages = {
        "one meta": meta + b"<title>",
        "a title more": b"<p>\xff" + meta + b"<title><title>" + b" " * 99_999,
        "no title": meta,
        "after the title": b"<title>" + meta,
        "before and after": meta + b"<title>" + meta,
        "another digest": meta.replace(b"DIGEST", b"0" * 64) + b"<title>",
        "another beside it": meta + meta.replace(b"DIGEST", b"0" * 64) + b"<title>",
        "half a meta after it": meta + b"<title>" + meta[:40],
        "upper case": meta.replace(b"meta", b"META") + b"<title>",
        "nothing": b"",
        "far behind": b" " * 200_000 + meta + b"<title>",
        "a second one far behind": meta + b"<title>" + b" " * 200_000 + meta,
    }
    taken = desk.agree((what, page(whole)) for what, whole in pages.items())
    good = [what for what, holds in taken.items() if holds]
    assert good == ["one meta", "a title more", "no title", "far behind"]


def note(journal: bytes, key: Ed25519PrivateKey, **changes: Any) -> bytes:
    size = changes.get("size", 3)
    root = merkle_root(journal.split(b"\n")[: int(size)])
    origin = changes.get("origin", "hdh-migrate/emc2-exit/journal")
    told = changes.get("root", base64.b64encode(root).decode())
    text = f"{origin}\n{size}\n{told}\n".encode()
    lines = signature(text, key, changes.get("name", "w"))
    return text + b"\n" + changes.get("lines", b"") + lines + changes.get("tail", b"")


def signature(text: bytes, key: Ed25519PrivateKey, name: str) -> bytes:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    content = sha256(name.encode() + b"\n\x01" + raw).digest()[:4] + key.sign(text)
    return f"\N{EM DASH} {name} {base64.b64encode(content).decode()}\n".encode()


def noted(folder: Path, trusted: list[TrustedKey], content: bytes) -> list[str]:
    """Return what the first verifier says beside a checkpoint; one in another form is refused."""
    try:
        return examine(folder, trusted, 1, notes=[read_note(content)]).problems
    except Wrong as wrong:
        return [str(wrong)]


def test_checkpoints_are_judged_alike(desk: Desk, tmp_path: Path) -> None:
    keys = {"mine": Ed25519PrivateKey.generate(), "other": Ed25519PrivateKey.generate()}
    mine, other = keys.values()
    files = laid(desk, world())
    journal, many = files["journal.jsonl"], files["journal.jsonl"].count(b"\n")
    foreign = signature(b"x", other, "y")
    notes: dict[str, bytes] = {
        "a part": note(journal, mine),
        "all": note(journal, mine, size=many),
        "one event": note(journal, mine, size=1),
        "no event": note(journal, mine, size=0),
        "others' signatures": note(journal, mine, lines=foreign, tail=foreign),
        "by the name of the origin": note(journal, mine, name="hdh-migrate/emc2-exit/journal"),
        "twice": note(journal, mine) + note(journal, mine).split(b"\n\n")[1],
        "more than all": note(journal, mine, size=many + 1),
        "another root": note(journal, mine, root=base64.b64encode(bytes(32)).decode()),
        "a short root": note(journal, mine, root=base64.b64encode(bytes(31)).decode()),
        "another origin": note(journal, mine, origin="hdh-migrate/x/journal"),
        "a zero in front": note(journal, mine, size="03"),
        "a plus": note(journal, mine, size="+3"),
        "a fourth line": note(
            journal, mine, root=note(journal, mine).split(b"\n")[2].decode() + "\nx"
        ),
        "another's": note(journal, other),
        "a name with a space": note(journal, mine, name="a b"),
        "a name with a plus": note(journal, mine, name="a+b"),
        "no signature": note(journal, mine).split(b"\n\n")[0] + b"\n\n",
        "no end": note(journal, mine)[:-1],
        "a line more": note(journal, mine, tail=b"x\n"),
        "an empty line more": note(journal, mine, tail=b"\n"),
        "a hyphen": note(journal, mine, tail=foreign.replace("\N{EM DASH}".encode(), b"-")),
        "a short signature": note(journal, mine, tail="\N{EM DASH} x AAAA\n".encode()),
        "carriage returns": note(journal, mine).replace(b"\n", b"\r\n"),
        "nothing": b"",
        "no text": b"\xff" + note(journal, mine),
        "too long": note(journal, mine, tail=foreign * 700),
        "long": note(journal, mine, tail=foreign * 500),
    }  # fmt: skip
    pem = mine.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "w.pub").write_bytes(pem)
    own = desk.keys[0].verifier.public
    spki = own.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "o.pub").write_bytes(spki)
    assert desk.judge(files) == ([], [])
    trusted = {
        sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest(): (key, None)
        for key in (own, mine.public_key())
    }
    asked = [desk.keys[0].verifier, load_trusted_key(tmp_path / "w.pub")]
    apart, good = [], []
    for what, content in notes.items():
        first = noted(desk.folder, asked, content)
        second_says = second.verify(desk.folder, trusted, 1, content)
        if bool(first) != bool(second_says):
            apart.append(f"{what}: {first} / {second_says}")
        good += [what] if not second_says else []
    assert not apart, "\n".join(apart)
    assert good == [
        "a part", "all", "one event", "no event", "others' signatures",
        "by the name of the origin", "twice", "long",
    ]  # fmt: skip


# --- 6.1 ------------------------------------------------------------------------------------------


def test_a_stamp_is_not_more_than_a_minute_older_than_the_statement(
    desk: Desk, tmp_path: Path
) -> None:
    """Stamps of OpenSSL's authority, all of now, on statements that say when they were written."""
    root = issue("Root", ca=True)
    tsa = Authority(tmp_path / "tsa", issue("Stamps", root, uses=[TIME_STAMPING]))
    (tmp_path / "root.pem").write_bytes(root.pem())
    (tmp_path / "other.pem").write_bytes(issue("Other", ca=True).pem())
    key = desk.keys[0].verifier.public
    spki = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def stamped(written: str) -> Files:
        statement = desk.statement()
        statement["predicate"]["times"]["written"] = written
        files = desk.signed(desk.files, statement)
        desk.lay(files)
        return resummed({**files, "timestamp.tsr": tsa.answer(request(desk.folder, 1))})

    def opinions(files: Files, by: str = "root", until: str | None = None) -> tuple[int, list[str]]:
        desk.lay(files)
        last = b"" if until is None else f"Valid-Until: {until}\n".encode()
        (tmp_path / "o.pub").write_bytes(last + spki)
        trusted = {desk.keys[0].verifier.fingerprint: (key, until)}
        given = ["--trust", tmp_path / "o.pub", "--tsa-trust", tmp_path / f"{by}.pem"]
        command = [sys.executable, desk.folder / "verify.py", desk.folder, *given]
        done = subprocess.run(command, capture_output=True, check=False)
        authority = (tmp_path / f"{by}.pem").read_bytes()
        return done.returncode, second.verify(desk.folder, trusted, 1, None, authority)

    soon = (datetime.now(UTC) + timedelta(seconds=40)).strftime("%Y-%m-%dT%H:%M:%SZ")
    good = stamped(soon)
    assert opinions(good) == (0, [])
    assert opinions(good, "other") == (10, ["timestamp.tsr: OpenSSL refuses it"])
    early = stamped("2999-01-01T00:00:00Z")
    assert desk.judge(early) == ([], [])
    assert opinions(early) == (10, ["timestamp.tsr: older than written"])
    other = resummed({**good, "timestamp.tsr": early["timestamp.tsr"]})
    assert opinions(other) == (10, ["timestamp.tsr: OpenSSL refuses it"])

    # a key's last day is compared with the day of the stamp, where one was checked
    now = datetime.now(UTC)
    before, after = ((now + timedelta(days=days)).strftime("%Y-%m-%d") for days in (-1, 1))
    late = stamped((now - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert opinions(late, until=after) == (0, [])
    exit_code, said = opinions(late, until=before)
    assert exit_code == 10
    assert "signed after the last day" in said[0]
    signed = {key.fingerprint: (key.public, before) for key in [desk.keys[0].verifier]}
    assert second.verify(desk.folder, signed, 1) == []
