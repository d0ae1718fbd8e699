"""What is written is held against plan and journal first, by the rules of the bundle's verifier.

So nothing is signed that an auditor would refuse for what can be seen while it is written. How many
lines there are, and which, the ledger has compared with its journal before (`Ledger.reconcile`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.lines.facts import Facts
from hdh_migrate.evidence.lines.statement import FORMAT
from hdh_migrate.evidence.verifier import rules, shapes, story
from hdh_migrate.evidence.verifier.forms import Wrong
from hdh_migrate.evidence.verifier.members import ExclusionRecord, ManifestRecord
from hdh_migrate.evidence.verifier.notes import Walk
from hdh_migrate.evidence.verifier.planned import StatedPlan
from hdh_migrate.evidence.verifier.verify import NOT_OF_THIS_VERSION

SHOWN = 3
LineT = TypeVar("LineT", ManifestRecord, ExclusionRecord)


class Grounds:
    """The plan and the journal that lines and statement must agree with."""

    def __init__(self, facts: Facts) -> None:
        """Read the plan.

        Raises:
            EvidenceDamaged: it is not of the form of a plan.
        """
        try:
            self._plan = StatedPlan(
                {
                    "plan": {"canonical": facts.plan},
                    "names": facts.names,
                    "times": {"started": facts.started_at, "written": facts.written_at},
                },
                FORMAT,
            )
        except Wrong as wrong:
            raise EvidenceDamaged(str(wrong)) from None
        self._plan.amended(facts.moved_before, facts.sealed_for)

    def record(self, record: ManifestRecord, line: bytes) -> None:
        """Refuse a record, given with its line of the manifest.

        Raises:
            EvidenceDamaged: no run of the plan leads to it.
        """
        _held(self._plan.record, record, line)

    def exclusion(self, exclusion: ExclusionRecord, line: bytes) -> None:
        """Refuse an object that is left behind, given with its line.

        Raises:
            EvidenceDamaged: no rule of the plan leaves this object behind.
        """
        _held(self._plan.exclusion, exclusion, line)

    def statement(self, predicate: object, journal: Path) -> None:
        """Refuse a statement that contradicts the plan or the lines.

        Raises:
            EvidenceDamaged: it says something else than its plan or its journal.
        """
        found = ["statement.json: not of this version"]
        try:
            if shapes.is_predicate(predicate):
                walk = Walk(predicate, FORMAT, ())
                walk.read(journal)
                found = [
                    *rules.misstated(predicate, StatedPlan(predicate, FORMAT)),
                    *story.unsaid(predicate, walk, FORMAT),
                ]
        except Wrong as wrong:
            found = [str(wrong)]
        except NOT_OF_THIS_VERSION:
            pass
        if found:
            raise EvidenceDamaged(
                "the report would contradict itself: " + "; ".join(found[:SHOWN]),
                hint="this is a contradiction in the ledger or a bug; no report was written",
            )


def _held(rule: Callable[[LineT, str], None], parsed: LineT, line: bytes) -> None:
    try:
        # Only a key that is no text stands in its line otherwise than here.
        rule(json.loads(line) if b'_b64":' in line else parsed, "")
    except Wrong as wrong:
        raise EvidenceDamaged(str(wrong).removeprefix(": ")) from None
    except KeyError:
        raise EvidenceDamaged("of a dataset that the plan does not name") from None
