"""What ends, and when: one list for the page and for `status`, the first end first."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from hdh_migrate.evidence.lines.endings import DatedEnding, EndingKind, endings
from hdh_migrate.evidence.lines.standing import MigrationStanding
from hdh_migrate.evidence.page.endings import ending_said, ending_when
from hdh_migrate.evidence.page.page_words import PageWords
from hdh_migrate.session.views.expiry import Relied
from tests.unit.evidence.test_left import DONE, NOW, granted
from tests.unit.evidence.test_messages import english_among

FULL = MigrationStanding(
    at=NOW,
    batches=(replace(DONE, stage="fallback window", window_until="2026-12-01T06:00:00Z"),),
    findings={},
    waivers=(("finding.vanished", "2026-11-30"),),
    bases=(("CNIL 7", "2026-11-01"),),
    attested=(("HDS, 12", "2027-06-30"),),
    grants=granted(until="2026-12-24T12:00:00Z"),
    relied=(("report-key", "2026-12-31T00:00:00Z"),),
    kept_until="2037-12-31",
)


def test_everything_that_ends_is_in_one_list_the_first_end_first() -> None:
    assert endings(FULL) == [
        DatedEnding(EndingKind.BASIS, "CNIL 7", "2026-11-01", over=True),
        DatedEnding(EndingKind.WAIVER, "finding.vanished", "2026-11-30"),
        DatedEnding(EndingKind.WINDOW, "pilot", "2026-12-01T06:00:00Z"),
        DatedEnding(EndingKind.GRANT, "g-1", "2026-12-24T12:00:00Z"),
        DatedEnding(EndingKind.RELIED, "report-key", "2026-12-31T00:00:00Z"),
        DatedEnding(EndingKind.ATTESTATION, "HDS, 12", "2027-06-30"),
        DatedEnding(EndingKind.KEPT, "", "2037-12-31"),
    ]
    assert {one.kind for one in endings(FULL)} == {*EndingKind}


@pytest.mark.parametrize("stage", ["finalized", None])
def test_a_window_that_is_no_more_does_not_end(stage: str | None) -> None:
    batch = replace(FULL.batches[0], stage=stage)
    assert EndingKind.WINDOW not in {one.kind for one in endings(replace(FULL, batches=(batch,)))}


@pytest.mark.parametrize(
    ("at", "over"),
    [("{day}", False), ("{day}T23:59:59Z", False), ("2020-01-01", True), (NOW, True)],
)
def test_a_day_counts_to_its_end_and_a_moment_until_it_comes(at: str, over: bool) -> None:
    stands = MigrationStanding(
        at=NOW, batches=(), findings={}, relied=(("report-key", at.format(day=NOW[:10])),)
    )
    (one,) = endings(stands)
    assert one.over is over


def test_each_is_said_in_both_languages() -> None:
    found = [*endings(FULL)]
    found += [
        DatedEnding(EndingKind.RELIED, what, NOW)
        for union in get_args(Relied)
        for what in (get_args(union) or (union,))
        if what not in {"secnumcloud", "hds"}  # told of as attested periods
    ]
    for one in found:
        fr, en = (ending_said(one, PageWords(language)) for language in ("fr", "en"))
        assert fr != en
        assert english_among([str(fr)]) == []
        assert ending_when(one, PageWords("fr"))
