"""docs/access.md: its example on the demo's data gives what the page shows."""

from __future__ import annotations

import doctest
import io
import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import fsspec
import pytest

from hdh_migrate.access.filesystem import PROTOCOL, GrantFileSystem
from hdh_migrate.demo.corpus import items
from hdh_migrate.errors import NotAsGranted
from tests.support.granted import GrantedSite

PAGE = Path(__file__).parents[3] / "docs" / "access.md"


@pytest.fixture
def stays(site: GrantedSite, monkeypatch: pytest.MonkeyPatch) -> GrantedSite:
    """The grant that the page's first examples speak of."""
    import pyarrow as pa
    from pyarrow import parquet

    for year in (2024, 2025):
        table = pa.table({"age": [40, 50, 61], "sex": ["f", "m", "f"], "rest": ["x" * 99] * 3})
        out = io.BytesIO()
        parquet.write_table(table, out)
        site.put(f"{year}/stays.parquet", out.getvalue())
    (site.folder / "grants").mkdir()
    site.write("grants/4711")
    site.identity.rename(site.folder / "me.sec")
    site.signer_public.rename(site.folder / "office.pub")
    monkeypatch.chdir(site.folder)
    monkeypatch.setenv("HDH_READER_ID", site.server.access_key)
    monkeypatch.setenv("HDH_READER_SECRET", site.server.secret_key)
    fsspec.register_implementation(PROTOCOL, GrantFileSystem, clobber=True)
    return site


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The inplace keyword")  # Dask's, of what pandas will drop
def test_the_blocks_of_the_page_run_as_they_are_written(
    stays: GrantedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    known: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), known)
    assert known["ages"]["age"].tolist() == [40, 50, 61]
    assert known["stays"].column_names == ["age"]
    assert "50.5" in capsys.readouterr().out  # of DuckDB: the mean age of women
    assert known["both"].groupby("sex").age.mean().compute().to_dict() == {"f": 50.5, "m": 50.0}


@pytest.mark.slow
def test_workers_of_dask_that_are_other_processes_read_and_tell_what_went_wrong(
    stays: GrantedSite,
) -> None:
    import dask
    import dask.dataframe as dd

    grant = {"grant": "grants/4711", "identity": "me.sec", "trust": "office.pub"}
    both = dd.read_parquet("hdh-grant://*/stays.parquet", columns=["age"], storage_options=grant)
    with dask.config.set(scheduler="processes", num_workers=2):
        assert both.age.sum().compute() == 302
        stays.put("2025/stays.parquet", b"written anew")
        with pytest.raises(NotAsGranted) as found:
            both.age.sum().compute()
    assert "a renewed pack reads it" in "".join(found.value.__notes__)


@pytest.mark.slow
def test_the_example_of_the_page_gives_what_it_shows(
    site: GrantedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for item in takewhile(lambda one: one.key.startswith("pmsi/"), items()):
        if "_temporary" not in item.key:
            site.put(item.key, b"".join(item.open()))
    site.write("lab")
    (site.folder / "keys").mkdir()
    site.identity.rename(site.folder / "keys" / "lab.sec")
    site.signer_public.rename(site.folder / "keys" / "report.pub")
    monkeypatch.chdir(site.folder)
    monkeypatch.setenv("HDH_READER_ID", site.server.access_key)
    monkeypatch.setenv("HDH_READER_SECRET", site.server.secret_key)
    fsspec.register_implementation(PROTOCOL, GrantFileSystem, clobber=True)

    shown = re.search(r"^```pycon\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert shown is not None
    # How many bytes it takes depends on how this pyarrow writes and reads a file.
    example = re.sub(r"\b(\d)(?:7207|85051|374371)\b", r"\1...", shown[1])
    assert example.count("...)\n") == 2
    parsed = doctest.DocTestParser().get_doctest(example, {}, "access.md", str(PAGE), 0)
    told: list[str] = []
    found = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(
        parsed, out=told.append
    )
    assert (found.failed, found.attempted) == (0, 11), "".join(told)
