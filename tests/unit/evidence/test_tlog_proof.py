"""A .tlog-proof of one object, checked here and by a verifier that knows only the C2SP."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

import pytest

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.exports.proving import proof_in
from hdh_migrate.evidence.lines.proofs import inclusion_of
from hdh_migrate.evidence.reading import CheckedBundle, open_bundle
from hdh_migrate.evidence.signatures.objects import (
    check_tlog_proof,
    objects_checkpoint,
    sign_objects,
    tlog_proof,
)
from hdh_migrate.evidence.signatures.signing import Signer
from tests.support.tlog import Logged, TrustedName, verified
from tests.unit.evidence.builders import bundle, dataset, facts, record, signer

COUNT = 7
NAMES = [f"{number}.csv" for number in range(COUNT)]


class Logs(NamedTuple):
    """A bundle and its signed checkpoint."""

    reading: CheckedBundle
    path: Path
    operator: Signer
    witness: Signer

    def proof(self, name: str) -> str:
        line, inclusion = inclusion_of(proof_in(self.reading.folder, name, None), "none")
        return tlog_proof(self.reading, self.path, line, inclusion)

    def line(self, name: str) -> bytes:
        return inclusion_of(proof_in(self.reading.folder, name, None), "none")[0]

    def read_elsewhere(self, proof: str, entry: bytes) -> Logged:
        """Check a proof as somebody does who has the keys and c2sp.org."""
        log = TrustedName(objects_checkpoint(self.reading).origin, raw(self.operator))
        return verified(proof, entry, log, [TrustedName(self.witness.key_id, raw(self.witness))])


def raw(key: Signer) -> bytes:
    return key.verifier.public.public_bytes_raw()


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    folder = tmp_path_factory.mktemp("logs")
    operator, witness = signer(folder / "keys"), signer(folder / "keys", "witness")
    made = bundle(
        folder / "bundle", [record(name) for name in NAMES], about=facts(dataset(COUNT)),
        signer=operator,
    )  # fmt: skip
    reading, path = open_bundle(made.folder), folder / "objects.checkpoint"
    assert sign_objects(reading, path, operator) == 1
    assert sign_objects(reading, path, witness) == 2
    return Logs(reading, path, operator, witness)


@pytest.mark.parametrize("name", NAMES)
def test_a_proof_holds_for_who_knows_only_the_specification(logs: Logs, name: str) -> None:
    found = logs.read_elsewhere(logs.proof(name), logs.line(name))

    assert (found.size, found.at) == (COUNT, NAMES.index(name))
    assert found.extra == logs.line(name)
    assert found.signed_by == {objects_checkpoint(logs.reading).origin, logs.witness.key_id}


@pytest.mark.parametrize("name", NAMES)
def test_a_proof_holds_here_and_says_how_many_stand_for_it(logs: Logs, name: str) -> None:
    both = [logs.operator.verifier, logs.witness.verifier]
    proven = check_tlog_proof(logs.proof(name).encode(), both)

    assert proven.line == logs.line(name)
    assert proven.root == logs.reading.predicate["manifest"]["merkle_root"]
    assert proven.signed == 2
    assert check_tlog_proof(logs.proof(name).encode(), both[:1]).signed == 1
    assert check_tlog_proof(logs.proof(name).encode(), []).signed == 0


def test_a_proof_tells_of_no_other_object(logs: Logs) -> None:
    proof = logs.proof(NAMES[2])
    shown = proof + base64.b64decode(proof.split("\n")[1].removeprefix("extra ")).decode()

    assert [name for name in NAMES if name in shown] == [NAMES[2]]


@pytest.mark.slow
def test_no_changed_bit_of_a_proof_is_accepted(logs: Logs) -> None:
    whole, both = logs.proof(NAMES[3]).encode(), [logs.operator.verifier, logs.witness.verifier]
    taken = []
    for at in range(len(whole)):
        for bit in (1, 4, 32):
            changed = whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]
            try:
                if check_tlog_proof(changed, both).signed == 2:
                    taken.append((at, whole[max(0, at - 9) : at + 9]))
            except EvidenceDamaged:
                pass
    assert taken == []


def test_parts_of_two_proofs_make_none(logs: Logs) -> None:
    one, two = (logs.proof(name).split("\n") for name in NAMES[:2])
    both = [logs.operator.verifier]
    for at in range(1, 5):
        mixed = "\n".join([*one[:at], two[at], *one[at + 1 :]])
        if mixed != "\n".join(one):
            with pytest.raises(EvidenceDamaged):
                check_tlog_proof(mixed.encode(), both)
            with pytest.raises(ValueError, match="not included"):
                logs.read_elsewhere(mixed, base64.b64decode(mixed.split("\n")[1][6:]))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("index 0", "index 00"),
        lambda text: text.replace("index 0", "index -0"),
        lambda text: text.replace("index 0", "index \u0660"),
        lambda text: text.replace("@v1", "@v2"),
        lambda text: text.replace("\n\n", "\n", 1),
        lambda text: text.replace("index 0\n", f"index 0\n{'A' * 43}=\n"),
        lambda text: text.replace("/manifest/", "/journal/"),
        lambda text: text[:40],
        lambda text: "",
    ],
)
def test_what_is_no_proof_is_refused(logs: Logs, spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(EvidenceDamaged):
        check_tlog_proof(spoil(logs.proof(NAMES[0])).encode(), [logs.operator.verifier])


def test_a_checkpoint_of_another_bundle_proves_nothing(logs: Logs, tmp_path: Path) -> None:
    other = bundle(
        tmp_path / "other", [record("a.csv")], about=facts(dataset(1)), signer=logs.operator
    )
    reading = open_bundle(other.folder)
    line, inclusion = inclusion_of(proof_in(other.folder, "a.csv", None), "none")

    with pytest.raises(EvidenceDamaged, match="not of this bundle's manifest"):
        tlog_proof(reading, logs.path, line, inclusion)
    with pytest.raises(EvidenceDamaged, match="not of this bundle's manifest"):
        sign_objects(reading, logs.path, logs.witness)


def test_nobody_signs_a_checkpoint_twice_and_the_file_stays(logs: Logs) -> None:
    before = logs.path.read_bytes()
    with pytest.raises(EvidenceDamaged, match="already"):
        sign_objects(logs.reading, logs.path, logs.witness)
    assert logs.path.read_bytes() == before


def test_a_missing_checkpoint_is_a_mistake_of_use(logs: Logs, tmp_path: Path) -> None:
    line, inclusion = inclusion_of(proof_in(logs.reading.folder, NAMES[0], None), "none")
    with pytest.raises(UsageError, match="cannot be read"):
        tlog_proof(logs.reading, tmp_path / "none", line, inclusion)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 13])
def test_trees_of_every_shape_are_proved(tmp_path: Path, count: int) -> None:
    key = signer(tmp_path / "keys")
    names = sorted(f"{number}.csv" for number in range(count))
    made = bundle(
        tmp_path / "b", [record(name) for name in names], about=facts(dataset(count)), signer=key
    )
    reading = open_bundle(made.folder)
    logs = Logs(reading, tmp_path / "c", key, key)
    sign_objects(reading, logs.path, key)
    for name in names:
        assert check_tlog_proof(logs.proof(name).encode(), [key.verifier]).signed == 1
        assert logs.read_elsewhere(logs.proof(name), logs.line(name)).size == count
