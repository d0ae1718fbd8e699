"""The published schema and the verifier's closed list of members agree with what is written."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hdh_migrate.evidence.lines.facts import Facts, Loss, ObjectCounts, StepPace
from hdh_migrate.evidence.verifier.shapes import PREDICATE
from tests.unit.evidence.builders import (
    SECURED,
    TARGET,
    bundle,
    dataset,
    exclusion,
    facts,
    failed,
    finding,
    record,
    signer,
)

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs/schemas/evidence-v2.json").read_text("utf-8")
)


def predicate(folder: Path) -> dict[str, Any]:
    envelope = json.loads((folder / "statement.json").read_bytes())
    return dict(json.loads(base64.b64decode(envelope["payload"]))["predicate"])


@pytest.mark.parametrize(
    "about",
    [
        facts(dataset(3, 2010)),
        replace(
            facts(dataset(3, 2010, closed=False)),
            operator="claire@ops",
            attestation={"service": "Object Storage"},
            losses=(Loss(dataset="pmsi", what="tier", objects=1, kept="ledger"),),
            paces=(
                StepPace(
                    step="verify", started="2026-03-01T22:00:00Z", ended="2026-03-01T22:00:09Z",
                    seconds=0.15, bins=(ObjectCounts(1, 5), ObjectCounts()),
                ),
            ),
            endpoints=(replace(TARGET, tls=SECURED),),
            proved=({"recipient": "c4gh:" + "3" * 16, "at": "2026-03-02T09:00:00Z"},),
            clock_offsets={"https://s3.fr-par.scw.cloud": -0.4},
            fences={"ours": 1, "unknown": 0},
            previous_statement="66" * 32,
            started_at=None,
        ),
    ],
    ids=["plain", "full"],
)  # fmt: skip
def test_a_statement_keeps_to_the_published_schema(tmp_path: Path, about: Facts) -> None:
    made = bundle(
        tmp_path / "out", [record("a"), failed("b")], about=about, signer=signer(tmp_path),
        findings=[finding()], exclusions=[exclusion("x")],
    )  # fmt: skip

    jsonschema.Draft202012Validator(SCHEMA).validate(predicate(made.folder))


def test_schema_and_verifier_know_the_same_members() -> None:
    assert (
        {*SCHEMA["required"], "erasures", "fences", "looks", "rotations", "signing_keys"}
        == set(SCHEMA["properties"])
        == set(PREDICATE)
    )
