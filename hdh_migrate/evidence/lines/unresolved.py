"""Which findings hold a migration up: neither notes nor let go by a waiver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import Severity
from hdh_migrate.evidence.verifier.members import FindingRecord, StatedWaiver
from hdh_migrate.frozen import mutable_row


@mutable_row
class Unresolved:
    """Counts findings that are neither notes nor let go by a waiver, from their lines."""

    waived: Mapping[str, str]
    """When each code was let go."""
    counts: Counter[str]

    @classmethod
    def beside(cls, waivers: Iterable[tuple[str, str]]) -> Unresolved:
        """Return a count of nothing beside waivers: of what, and made when.

        A waiver lets go what was known when it was made.
        """
        made: dict[str, str] = {}
        for what, at in waivers:
            kind, _, code = what.partition(".")
            if kind == "finding":
                made[code] = max(made.get(code, at), at, key=seconds_of)
        return cls(made, Counter())

    @classmethod
    def of(
        cls, waivers: Iterable[StatedWaiver], lines: Iterable[FindingRecord]
    ) -> Mapping[str, int]:
        """Return how many there are of each code."""
        made = cls.beside((one["what"], one["made_at"]) for one in waivers)
        for line in lines:
            made.take(line)
        return made.counts

    def take(self, line: FindingRecord) -> None:
        """Count one finding."""
        code, at = line["code"], line["at"]
        made = self.waived.get(code)
        waived = made is not None and at is not None and seconds_of(made) >= seconds_of(at)
        if line["severity"] != Severity.NOTE and not waived:
            self.counts[code] += 1
