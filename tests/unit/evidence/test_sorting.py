from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from hdh_migrate.evidence.lines import sorting
from hdh_migrate.evidence.lines.sorting import in_order


def order(line: dict[str, str]) -> tuple[bytes, bytes]:
    return line["d"].encode(), line["k"].encode()


def lines(count: int) -> list[dict[str, str]]:
    made = [{"d": f"d{n % 3}", "k": f"{n:06}", "x": "é"} for n in range(count)]
    random.Random(5).shuffle(made)
    return made


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 95, 1000])
def test_any_number_of_lines_comes_out_in_order(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "RUN", 10)
    monkeypatch.setattr(sorting, "FAN_IN", 4)  # 100 runs: three levels of merging
    given = lines(count)

    assert list(in_order(iter(given), order, tmp_path)) == sorted(given, key=order)


def test_few_files_are_open_and_none_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "RUN", 1)
    monkeypatch.setattr(sorting, "FAN_IN", 4)
    before = len(os.listdir("/proc/self/fd"))
    sorted_lines = in_order(iter(lines(1000)), order, tmp_path)

    next(sorted_lines)
    assert len(os.listdir("/proc/self/fd")) - before <= 3 * 5
    assert list(tmp_path.iterdir()) == []

    sorted_lines.close()
    assert len(os.listdir("/proc/self/fd")) == before
