"""Signatures and time-stamps, judged by libraries of others beside ours: both say the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.signatures.countersign import countersign
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.stamp import check_token
from tests.support.authority import Authority, issue
from tests.support.oracles import judged
from tests.unit.evidence.builders import bundle, dataset, facts, record, signer
from tests.unit.evidence.test_stamp import TIME_STAMPING, query

pytestmark = pytest.mark.slow
DATA = b"what was signed"

Envelope = dict[str, Any]


class Case:
    """A bundle signed by two, and the keys of three."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = {name: signer(folder, name) for name in ("operator", "witness", "stranger")}
        made = bundle(
            folder / "bundle", [record("a.csv")], about=facts(dataset(1)),
            signer=self.keys["operator"],
        )  # fmt: skip
        self.bundle = made.folder
        countersign(self.bundle, self.keys["witness"], [self.keys["operator"].verifier])
        self.envelope: Envelope = json.loads((self.bundle / "statement.json").read_bytes())

    def by_others(self, envelope: Envelope, names: list[str], threshold: int) -> bool:
        path = self.folder / "envelope.json"
        path.write_text(json.dumps(envelope))
        args = [x for name in names for x in (str(self.folder / f"{name}.pub"), self.id_of(name))]
        found = judged("dsse.py", path, str(threshold), *args)
        return len(found["accepted"]) >= threshold

    def by_us(self, envelope: Envelope, names: list[str], threshold: int) -> bool:
        """Ask of the signatures alone: a changed payload has other digests, too."""
        path = self.bundle / "statement.json"
        kept = path.read_bytes()
        path.write_text(json.dumps(envelope, separators=(",", ":"), sort_keys=True) + "\n")
        try:
            keys = [self.keys[name].verifier for name in names]
            problems = check_bundle(self.bundle, keys, threshold)
        finally:
            path.write_bytes(kept)
        return not any(one.startswith("statement.json") for one in problems)

    def id_of(self, name: str) -> str:
        key: Signer = self.keys[name]
        return key.key_id


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("judged"))


def _as_they_are(envelope: Envelope) -> Envelope:
    return envelope


def _other_payload(envelope: Envelope) -> Envelope:
    text = base64.b64decode(envelope["payload"]).replace(b'"complete":true', b'"complete":false')
    return {**envelope, "payload": base64.b64encode(text).decode()}


def _without_signatures(envelope: Envelope) -> Envelope:
    return {**envelope, "signatures": []}


def _swapped(envelope: Envelope) -> Envelope:
    one, two = envelope["signatures"]
    return {**envelope, "signatures": [{**one, "sig": two["sig"]}, {**two, "sig": one["sig"]}]}


def _only_the_first(envelope: Envelope) -> Envelope:
    return {**envelope, "signatures": envelope["signatures"][:1]}


@pytest.mark.parametrize(
    ("change", "names", "threshold", "holds"),
    [
        (_as_they_are, ["operator"], 1, True),
        (_as_they_are, ["operator", "witness"], 2, True),
        (_as_they_are, ["stranger"], 1, False),
        (_as_they_are, ["operator", "stranger"], 2, False),
        (_other_payload, ["operator", "witness"], 1, False),
        (_without_signatures, ["operator"], 1, False),
        (_swapped, ["operator", "witness"], 1, False),
        (_only_the_first, ["operator", "witness"], 2, False),
        (_only_the_first, ["operator", "witness"], 1, True),
    ],
)
def test_both_judge_signatures_alike(
    case: Case,
    change: Callable[[Envelope], Envelope],
    names: list[str],
    threshold: int,
    holds: bool,
) -> None:
    envelope = change(json.loads(json.dumps(case.envelope)))

    assert case.by_others(envelope, names, threshold) is holds
    assert case.by_us(envelope, names, threshold) is holds


class Stamps:
    """An authority that is trusted, one that is not, and their stamps.

    Only the signer's certificate stands in a stamp: OpenSSL does not sort several as DER demands,
    which the other judge insists on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root, self.foreign = (issue("Root", ca=True, kind="rsa") for _ in range(2))
        (folder / "root.pem").write_bytes(self.root.certificate.public_bytes(Encoding.PEM))

    def answer(self, data: bytes, *, foreign: bool = False) -> bytes:
        above = self.foreign if foreign else self.root
        signs = issue("Stamps & Sons", above, kind="rsa", uses=[TIME_STAMPING])
        number = len(list(self.folder.iterdir()))
        return Authority(self.folder / str(number), signs, []).answer(query(self.folder, data))

    def by_others(self, answer: bytes, data: bytes) -> bool:
        (self.folder / "answer").write_bytes(answer)
        (self.folder / "of").write_bytes(data)
        paths = [self.folder / name for name in ("answer", "of", "root.pem")]
        return bool(judged("stamp.py", *paths)["accepted"])

    def by_us(self, answer: bytes, data: bytes) -> bool:
        try:
            check_token(answer, data, [self.root.certificate])
        except ValueError:
            return False
        return True


@pytest.fixture(scope="module")
def stamps(tmp_path_factory: pytest.TempPathFactory) -> Stamps:
    return Stamps(tmp_path_factory.mktemp("stamps"))


def test_both_take_a_stamp_of_the_trusted_authority(stamps: Stamps) -> None:
    answer = stamps.answer(DATA)

    assert stamps.by_others(answer, DATA)
    assert stamps.by_us(answer, DATA)


def test_neither_takes_a_stamp_of_another_authority_for_the_trusted_one(stamps: Stamps) -> None:
    answer = stamps.answer(DATA, foreign=True)  # the same names all the way up, other keys

    assert not stamps.by_others(answer, DATA)
    assert not stamps.by_us(answer, DATA)


def test_neither_takes_a_stamp_of_other_bytes(stamps: Stamps) -> None:
    answer = stamps.answer(DATA)

    assert not stamps.by_others(answer, b"other")
    assert not stamps.by_us(answer, b"other")


@pytest.mark.parametrize("at", [-1, -40, -200])
def test_neither_takes_a_stamp_whose_signature_was_changed(stamps: Stamps, at: int) -> None:
    answer = bytearray(stamps.answer(DATA))
    answer[at] ^= 1

    assert not stamps.by_others(bytes(answer), DATA)
    assert not stamps.by_us(bytes(answer), DATA)
