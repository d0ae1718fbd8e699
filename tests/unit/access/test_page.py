"""docs/access.md: its example on the demo's data gives what the page shows."""

from __future__ import annotations

import doctest
import re
from itertools import takewhile
from pathlib import Path

import fsspec
import pytest

from hdh_migrate.access.filesystem import PROTOCOL, GrantFileSystem
from hdh_migrate.demo.corpus import items
from tests.support.granted import GrantedSite

PAGE = Path(__file__).parents[3] / "docs" / "access.md"


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
