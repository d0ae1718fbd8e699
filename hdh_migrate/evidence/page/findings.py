"""Which findings a page shows first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hdh_migrate.codes import LOST_OBJECTS, Code, Severity
from hdh_migrate.evidence.verifier.members import FindingRecord

SHOWN_FINDINGS: Final = 200
"""Findings on the page; the others are in findings.jsonl only."""


class GravestFindings:
    """Keeps the gravest findings of many: what is lost, then what was replaced, then the rest."""

    def __init__(self) -> None:
        self._kept: dict[int, list[FindingRecord]] = {}

    @classmethod
    def of(cls, lines: Iterable[FindingRecord]) -> list[FindingRecord]:
        """Return the gravest of these, at most `SHOWN_FINDINGS`."""
        made = cls()
        for line in lines:
            made.take(line)
        return made.shown

    def take(self, line: FindingRecord) -> None:
        """Take one line, in the order of the file."""
        if self.wants(line):
            self._kept.setdefault(_rank(line["code"], line["severity"]), []).append(line)

    def wants(self, line: FindingRecord) -> bool:
        """Say whether a line may still be shown: one of some millions is not read for nothing."""
        return len(self._kept.get(_rank(line["code"], line["severity"]), ())) < SHOWN_FINDINGS

    @property
    def shown(self) -> list[FindingRecord]:
        """The gravest of them; those that are equally grave in the order of the file."""
        found = [line for rank in sorted(self._kept) for line in self._kept[rank]]
        return found[:SHOWN_FINDINGS]


def _rank(text: str, severity: str | None) -> int:
    code = Code.known(text)
    if code in LOST_OBJECTS:
        return 0
    if code is Code.TARGET_REPLACED:
        return 1
    return 3 if severity == Severity.NOTE else 2


def gravest_codes(codes: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    """Return codes with their counts, the gravest first."""
    return sorted(codes.items(), key=lambda one: _rank(one[0], _severity(one[0])))


def _severity(text: str) -> str | None:
    code = Code.known(text)
    return None if code is None else code.severity
