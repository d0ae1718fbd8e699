"""The synthetic corpus: the same everywhere, and as awkward as promised."""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hdh_migrate.demo.corpus import BIG_KEY, Item, fill_folder, items
from hdh_migrate.demo.node import npm_environment
from hdh_migrate.demo.tables import COLUMNS
from hdh_migrate.demo.watch import wait_for

BIG = 3 * (1 << 20) + 17


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


@dataclass(frozen=True)
class Corpus:
    """The corpus, made once: the items by key and their bytes."""

    items: dict[str, Item]
    bodies: dict[str, bytes]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    made = {item.key: item for item in items(BIG)}
    return Corpus(made, {key: b"".join(item.open()) for key, item in made.items()})


@pytest.mark.slow
def test_every_object_has_the_size_it_announces_and_the_same_bytes_each_time(
    corpus: Corpus,
) -> None:
    assert {key: len(body) for key, body in corpus.bodies.items()} == {
        key: item.size for key, item in corpus.items.items()
    }
    again = [(item.key, digest(b"".join(item.open()))) for item in items(BIG)]
    assert again == [(key, digest(body)) for key, body in corpus.bodies.items()]


@pytest.mark.slow
def test_no_two_large_objects_share_bytes(corpus: Corpus) -> None:
    large = [body[132 : 132 + 64] for body in corpus.bodies.values() if len(body) > 4000]
    assert len(set(large)) == len(large)


@pytest.mark.slow
def test_the_corpus_has_every_kind_of_object_that_breaks_a_careless_client(corpus: Corpus) -> None:
    listed = corpus.items
    names = "".join(listed)
    assert all(character in names for character in " %+#&?;'\"é🩺")
    assert all(unicodedata.is_normalized("NFC", key) for key in listed)
    assert listed["divers/vide.dat"].size == 0
    assert listed[BIG_KEY].size == BIG
    assert max(key.count("/") for key in listed) > 20
    assert any("/_temporary/" in key for key in listed)
    assert {key.split("/")[0] + "/" for key in listed} == {
        "pmsi/", "imagerie/", "genomique/", "divers/",
    }  # fmt: skip


def test_scans_look_like_dicom_and_are_small(corpus: Corpus) -> None:
    scans = [body for key, body in corpus.bodies.items() if key.endswith(".dcm")]
    assert len(scans) == 360
    assert all(body[:132] == bytes(128) + b"DICM" for body in scans)
    assert all(4 * 1024 <= len(body) <= 64 * 1024 for body in scans)


def test_stays_are_the_same_in_csv_and_parquet_columns(corpus: Corpus) -> None:
    stays = "pmsi/csv/champ=mco/annee=2022/mois=02/sejours.csv"
    rows = list(csv.reader(io.StringIO(corpus.bodies[stays].decode()), delimiter=";"))
    assert tuple(rows[0]) == COLUMNS
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert corpus.items[stays].tags["projet"] == "emc2 pilote"

    key = "pmsi/parquet/champ=mco/annee=2022/mois=02/part-00000.snappy.parquet"
    table = pq.read_table(io.BytesIO(corpus.bodies[key]))
    assert tuple(table.column_names) == COLUMNS
    assert table.num_rows == len(rows) - 1


@pytest.mark.slow
def test_a_folder_holds_the_corpus_and_progress_adds_up(corpus: Corpus, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    fill_folder(tmp_path, BIG, lambda objects, size: told.append((objects, size)))

    listed = {key: item.size for key, item in corpus.items.items()}
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path).as_posix(): path.stat().st_size for path in files} == listed
    assert tuple(map(sum, zip(*told, strict=True))) == (len(listed), sum(listed.values()))


def test_npm_sees_its_settings_and_proxies_and_no_secret_of_the_operators() -> None:
    seen = {"PATH": "/bin", "npm_config_registry": "r", "HTTPS_PROXY": "p", "XDG_CACHE_HOME": "c"}
    hidden = {"HDH_SOURCE_SAS": "s", "AWS_SECRET_ACCESS_KEY": "k", "NODE_OPTIONS": "--require x"}

    found = npm_environment(seen | hidden)

    assert found == {**seen, "npm_config_update_notifier": "false"}


def test_waiting_returns_what_was_seen_or_none_when_time_is_up() -> None:
    ticks = iter(range(100))
    assert wait_for(lambda: next(ticks) > 2, 60, every=0) is True

    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    assert wait_for(lambda: 0, 1, every=0.3, monotonic=lambda: now[0], sleep=sleep) is None
    assert 1 <= now[0] < 1.4
