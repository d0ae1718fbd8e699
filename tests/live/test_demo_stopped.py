"""A demo that is asked to stop ends what it began and exits as what was interrupted."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from hdh_migrate.demo.play import play
from hdh_migrate.errors import Interrupted, UsageError

pytestmark = [pytest.mark.live]


class AskedMeanwhile:
    """An output that asks to stop when one thing is said."""

    def __init__(self, when: str) -> None:
        self.stop = threading.Event()
        self._when = when

    def say(self, text: str) -> None:
        if self._when in text:
            self.stop.set()

    def result(self, document: Mapping[str, object], text: str) -> None:
        raise AssertionError(f"a demo that was asked to stop ended well: {document} {text}")


@pytest.mark.parametrize("when", ["1. run the plan", "2. run the same plan again"])
def test_a_demo_that_is_asked_to_stop_in_a_run_is_interrupted(tmp_path: Path, when: str) -> None:
    out = AskedMeanwhile(when)

    with pytest.raises(Interrupted, match="interrupted") as told:
        play(
            source="folder", big=24 << 20, keep=False, folder=tmp_path / "demo",
            out=out, stop=out.stop,
        )  # fmt: skip

    assert told.value.hint is not None
    assert str(tmp_path / "demo") in told.value.hint
    assert not (tmp_path / "demo" / "report").exists()


def test_a_folder_that_holds_something_is_wrong_usage_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    out = AskedMeanwhile("never")

    with pytest.raises(UsageError, match="is not empty"):
        play(
            source="folder", big=24 << 20, keep=False, folder=tmp_path, out=out, stop=out.stop
        )  # fmt: skip

    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
