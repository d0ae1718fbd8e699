"""The pages of a bundle are made again from what is signed, and must be the same bytes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.page.pages import COMPARED, compare_pages
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.counts import page_mark
from hdh_migrate.evidence.verifier.outcome import PAGES, Outcome
from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.unit.evidence.builders import (
    TARGET,
    Told,
    bundle,
    dataset,
    facts,
    finding,
    record,
    signer,
)
from tests.unit.evidence.test_contradictions import edited, resigned
from tests.unit.evidence.test_html import cutover

CODE = "77" * 32
"""What the facts of these tests say of the code that wrote them."""


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Signer]:
    key = signer(tmp_path)
    found = [finding(key="a.csv")] * 201
    folder = bundle(tmp_path / "out", [record()], about=facts(dataset(1)), signer=key,
                    findings=found, languages=["fr", "en"]).folder  # fmt: skip
    return folder, key


def examined(folder: Path, *keys: Signer, code: str = CODE) -> Outcome:
    trusted = [key.verifier for key in keys]
    return examine(folder, trusted, also=partial(compare_pages, trusted, code))


def test_pages_that_the_same_code_wrote_are_made_again(made: tuple[Path, Signer]) -> None:
    outcome = examined(*made)
    assert outcome.problems == []
    assert COMPARED in outcome.checked
    assert PAGES not in outcome.open


def test_a_page_does_not_hang_on_the_order_in_which_members_were_told(tmp_path: Path) -> None:
    """What consumers wrote until a rollback was told as new, changed, gone, and read sorted."""
    key = signer(tmp_path)
    story = cutover() | {"written_by_consumers": {"new": 0, "changed": 1, "gone": 0}}
    about = facts(dataset(1), cutovers=(story,))
    folder = bundle(tmp_path / "out", [record()], about=about, signer=key, languages=["en"]).folder
    outcome = Outcome()
    outcome.open.append(PAGES)
    compare_pages([key.verifier], CODE, folder, outcome)
    assert outcome.problems == []


@pytest.mark.parametrize(
    ("said", "put"),
    [
        (b"Complet et intact, avec des constats", b"Complet et intact"),
        (b"</html>", b"</html> "),
        (b"emc2-exit", b"emc3-exit"),
    ],
)
def test_one_byte_of_a_page_that_is_otherwise(
    made: tuple[Path, Signer], said: bytes, put: bytes
) -> None:
    folder, key = made
    page = folder / "report.fr.html"
    assert said in page.read_bytes()
    page.write_bytes(page.read_bytes().replace(said, put))
    resigned(folder, key)

    assert examine(folder, [key.verifier]).problems == []  # by itself verify.py cannot tell
    assert examined(folder, key).problems == ["report.fr.html: not the page of this statement"]


def test_a_page_in_a_language_that_nobody_writes(made: tuple[Path, Signer]) -> None:
    folder, key = made
    (folder / "report.fr.html").rename(folder / "report.xx.html")
    from base64 import b64decode
    from json import loads

    envelope = loads((folder / "statement.json").read_bytes())
    text = b64decode(envelope["payload"]).replace(b"report.fr.html", b"report.xx.html")
    signed = key.sign("application/vnd.in-toto+json", text)
    (folder / "statement.json").write_bytes(canonical_json(signed) + b"\n")
    resigned(folder, key)
    assert examined(folder, key).problems == ["report.xx.html: not the page of this statement"]


def test_of_other_code_it_is_said_that_the_page_was_not_compared(
    made: tuple[Path, Signer],
) -> None:
    outcome = examined(*made, code="00" * 32)
    assert outcome.problems == []
    assert COMPARED not in outcome.checked
    assert any("another version of the tool wrote it (code 7777777777777777)" in told
               for told in outcome.open)  # fmt: skip


def test_a_witness_who_does_not_trust_the_signer_compares_all_the_same(
    made: tuple[Path, Signer], tmp_path: Path
) -> None:
    from hdh_migrate.evidence.signatures.countersign import countersign

    folder, key = made
    witness = signer(tmp_path / "w", "witness")
    countersign(folder, witness, [key.verifier])
    assert examined(folder, witness).problems == []


def test_what_no_page_can_be_made_of_is_told_and_ends_nothing(tmp_path: Path) -> None:
    """The fault: a bundle that verify.py takes, and `audit verify` ended with a traceback."""
    key, probed = signer(tmp_path), {"endpoint": TARGET.url, "region": TARGET.region}
    digest = {"record_sha256": sha256_hex(canonical_json(probed))}

    def telling(events: list[Told]) -> list[Told]:
        return [events[0], (events[0][0], "probed", digest), *events[1:]]

    folder = bundle(tmp_path / "out", [record()], about=facts(dataset(1)), signer=key,
                    languages=["fr"], telling=telling).folder  # fmt: skip
    page = folder / "report.fr.html"

    def put(said: dict[str, Any]) -> None:
        mark = page_mark(said)
        said["capabilities"] = probed
        page.write_bytes(page.read_bytes().replace(mark, page_mark(said)))

    edited(folder, key, put)

    assert examine(folder, [key.verifier]).problems == []
    assert examined(folder, key).problems == [f"{page.name}: not the page of this statement"]
