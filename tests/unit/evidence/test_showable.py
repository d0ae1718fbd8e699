"""What shows a bundle that checks ends with a reason where a value cannot be shown.

The plan, the profile and what a probe saw stand in the statement as they were: no verifier looks
into all of it, and without `--trust` anybody may have written it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.exports.exports import FORMATS, ExportRequest
from hdh_migrate.evidence.exports.first_screen import first_screen
from hdh_migrate.evidence.exports.packages import package
from hdh_migrate.evidence.reading import CheckedBundle, open_bundle
from tests.unit.evidence.builders import bundle, dataset, facts, record, replanned

Show = Callable[[CheckedBundle, Path], object]


def exported(form: str, reading: CheckedBundle, _: Path) -> bytes:
    return b"".join(FORMATS[form](reading, ExportRequest()))


SHOWN: dict[str, tuple[Show, list[Any]]] = {
    "show": (
        lambda reading, _: first_screen(reading, (), "fr"),
        [{"legal_basis": 3}, {"report": {"declared": {"datasets": [None]}}}],
    ),
    "markdown": (partial(exported, "markdown"), [{"legal_basis": 3}, {"legal_basis": [{}]}]),
    "ro-crate": (
        lambda reading, folder: package(reading, "ro-crate", folder / "crate"),
        [{"report": {"declared": {"kept": 3}}}, {"report": 3}],
    ),
}


@pytest.mark.parametrize("what", SHOWN)
def test_a_value_that_cannot_be_shown_is_said(tmp_path: Path, what: str) -> None:
    show, plans = SHOWN[what]
    for number, plan in enumerate(plans):
        about = replanned(facts(dataset(1)), **plan)
        made = bundle(tmp_path / str(number), [record("a")], about=about)
        reading = open_bundle(made.folder)
        with pytest.raises(EvidenceDamaged, match="cannot be shown"):
            show(reading, tmp_path)
    assert not (tmp_path / "crate").exists()
