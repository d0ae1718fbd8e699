"""A bundle beside a checkpoint that somebody kept: its journal must go on from it."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.forms import Wrong
from hdh_migrate.evidence.verifier.notes import read_note
from hdh_migrate.evidence.verifier.outcome import ALONE
from hdh_migrate.fixity import MerkleTree, leaf_digest
from tests.unit.evidence.builders import bundle, dataset, facts, record, signer


class Kept:
    """A bundle, two keys, and checkpoints of its journal in any form."""

    def __init__(self, folder: Path) -> None:
        self.key, self.witness = signer(folder), signer(folder, "witness")
        self.folder = bundle(
            folder / "bundle", [record()], about=facts(dataset(1)), signer=self.key
        ).folder
        self.events = (self.folder / "journal.jsonl").read_bytes().splitlines()

    def note(
        self, size: int, *keys: Signer, origin: str = "hdh-migrate/emc2-exit/journal",
        root: str | None = None,
    ) -> bytes:  # fmt: skip
        tree = MerkleTree()
        for line in self.events[:size]:
            tree.append(leaf_digest(line))
        digest = base64.b64encode(bytes.fromhex(root or tree.root())).decode()
        text = f"{origin}\n{size}\n{digest}\n"
        return (text + "\n" + "".join(signature(text, key) for key in keys)).encode()

    def problems(self, note: bytes, *keys: Signer, threshold: int = 1) -> list[str]:
        trusted = [key.verifier for key in keys or (self.key,)]
        return examine(self.folder, trusted, threshold, notes=[read_note(note)]).problems


def signature(text: str, key: Signer, name: str = "auditor") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.verifier.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    named = sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    raw = key._key.sign(text.encode())
    return f"\u2014 {name} {base64.b64encode(named + raw).decode()}\n"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("kept"))


def test_a_journal_that_goes_on_from_its_checkpoint(kept: Kept) -> None:
    for size in range(len(kept.events) + 1):
        assert kept.problems(kept.note(size, kept.key)) == []
    note = read_note(kept.note(2, kept.key))
    outcome = examine(kept.folder, [kept.key.verifier], notes=[note])
    assert any("checkpoint of 2 events" in told for told in outcome.checked)
    assert ALONE not in outcome.open
    assert any("after the first 2 events" in told for told in outcome.open)


def test_a_journal_that_was_written_anew_since(kept: Kept) -> None:
    changed = kept.note(2, kept.key, root="00" * 32)
    assert kept.problems(changed) == [
        "checkpoint: the journal does not begin with what was checkpointed"
    ]
    longer = kept.note(len(kept.events) + 1, kept.key)
    assert kept.problems(longer) == ["checkpoint: the journal is shorter: something was left out"]
    other = kept.note(2, kept.key, origin="hdh-migrate/other/journal")
    assert kept.problems(other) == ["checkpoint: of another journal"]


def test_a_checkpoint_needs_as_many_signatures_as_a_statement(kept: Kept) -> None:
    few = "checkpoint: not signed by enough trusted keys"
    assert few in kept.problems(kept.note(2, kept.witness))
    assert few in kept.problems(kept.note(2, kept.key), kept.key, kept.witness, threshold=2)
    both = kept.note(2, kept.key, kept.witness)
    assert few not in kept.problems(both, kept.key, kept.witness, threshold=2)
    assert kept.problems(kept.note(3, kept.key)) == []
    text, gap, _ = kept.note(2, kept.key).partition(b"\n\n")
    _, _, signed = kept.note(3, kept.key).partition(b"\n\n")
    assert kept.problems(text + gap + signed) == [few]  # the signature of another text


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note + b"x",
        lambda note: note.replace(b"\n2\n", b"\n02\n"),
        lambda note: note.replace(b"\n2\n", b"\n-2\n"),
        lambda note: note.replace(b"\n2\n", b"\n2\nextension\n"),
        lambda note: note.replace("\u2014".encode(), b"-"),
        lambda note: note.replace(b"auditor", b"the auditor"),
        lambda note: note.replace(b"auditor", b"au+ditor"),
        lambda note: b"\xff" + note,
        lambda note: note + b"x" * 70_000,
        lambda note: b"",
    ],
)
def test_what_is_no_checkpoint(kept: Kept, change: object) -> None:
    assert callable(change)
    with pytest.raises(Wrong):
        read_note(change(kept.note(2, kept.key)))


def test_a_keyed_bundle_has_another_journal(tmp_path: Path, kept: Kept) -> None:
    name = "k:" + "0" * 64
    about = facts(dataset(1), names="keyed")
    records = [record(name, target_key=name)]
    folder = bundle(tmp_path / "out", records, about=about, signer=kept.key).folder
    note = read_note(kept.note(2, kept.key))
    outcome = examine(folder, [kept.key.verifier], notes=[note])
    assert outcome.problems == ["checkpoint: of a ledger's journal; a keyed bundle has another one"]


@pytest.mark.slow
def test_verify_py_alone_takes_a_checkpoint(tmp_path: Path, kept: Kept) -> None:
    shutil.copytree(kept.folder, tmp_path / "bundle")
    shutil.copy(kept.folder.parent / "report.pub", tmp_path)

    def run(note: bytes) -> int:
        (tmp_path / "note").write_bytes(note)
        command = [sys.executable, "-I", "bundle/verify.py", "bundle", "--trust", "report.pub"]
        done = subprocess.run([*command, "--checkpoint", "note"], cwd=tmp_path, check=False)
        return done.returncode

    assert run(kept.note(2, kept.key)) == 0
    assert run(kept.note(2, kept.key, root="00" * 32)) == 10
    assert run(b"no checkpoint") == 2
