"""`open`: a reader with a grant, a key and a credential, and neither plan nor ledger."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.access.settings import CREDENTIAL_ID, CREDENTIAL_SECRET
from hdh_migrate.cli import environment
from hdh_migrate.errors import Exit
from hdh_migrate.grants import pack
from hdh_migrate.sealing.keys import new_pair
from tests.support import lies
from tests.support.granted import GrantedSite
from tests.support.inside import inside as command
from tests.support.proxy import Proxy
from tests.support.strict_s3 import StrictS3

CANARY = "DUPONT-Jeanne-1961\x1b[31m.csv"
CLEAR = {"2024/a.csv": b"a;b\n" * 50_000, "2024/b.csv": b"", CANARY: b"secret of a patient"}


@pytest.fixture(scope="module")
def server() -> Iterator[StrictS3]:
    with StrictS3() as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, server: StrictS3) -> GrantedSite:
    made = GrantedSite(tmp_path, server)
    for name, data in CLEAR.items():
        made.put(name, data)
    return made


def opened(site: GrantedSite, *more: str, env: dict[str, str] | None = None) -> Any:
    """Run `open grant` in the site's folder; the credential comes by the environment."""
    own = {
        "HDH_READER_ID": site.server.access_key, "HDH_READER_SECRET": site.server.secret_key,
        **(env or {}),
    }  # fmt: skip
    return command(
        "open", "grant", "--identity", "reader.sec", *more,
        cwd=site.folder, env={**os.environ, **own},
    )  # fmt: skip


def test_the_defaults_of_command_line_and_file_system_are_the_same() -> None:
    assert f"env:{environment.READER_ID}" == CREDENTIAL_ID
    assert f"env:{environment.READER_SECRET}" == CREDENTIAL_SECRET


def test_it_says_what_a_grant_is_and_asks_nobody(site: GrantedSite) -> None:
    site.write()
    site.asked()
    done = opened(site, "--trust", "office.pub", "--json")
    assert done.returncode == Exit.OK
    fact = json.loads(done.stdout)
    assert (fact["objects"], fact["permit"], fact["trusted"]) == (3, "CESREES 4711", True)
    text = opened(site)
    assert "3 objects" in text.stdout
    assert "what was read stays read" in text.stdout
    assert "nobody's signature was asked for" in text.stderr
    assert "DUPONT" not in done.stdout + text.stdout + text.stderr
    assert site.asked() == []


def test_names_are_listed_when_they_are_asked_for_and_drive_no_terminal(site: GrantedSite) -> None:
    site.write()
    text = opened(site, "--list")
    assert "DUPONT-Jeanne-1961\\u{1b}[31m.csv" in text.stdout
    assert "\x1b" not in text.stdout
    lines = [json.loads(line) for line in opened(site, "--list", "--json").stdout.splitlines()]
    assert {line["name"]: line["bytes"] for line in lines} == {n: len(d) for n, d in CLEAR.items()}


def test_files_are_downloaded_and_the_same_again_fetches_nothing(site: GrantedSite) -> None:
    site.write()
    done = opened(site, "--get", "2024/*", "--out", "data", "--json")
    assert done.returncode == Exit.OK
    assert json.loads(done.stdout)["objects"] == 2
    assert (site.folder / "data/2024/a.csv").read_bytes() == CLEAR["2024/a.csv"]
    again = opened(site, "--get", "2024/*", "--out", "data", "--json")
    told = json.loads(again.stdout)
    assert (told["already"], told["received"]) == (2, 0)
    sealed = opened(site, "--get", "**", "--out", "sealed", "--sealed")
    assert sealed.returncode == Exit.OK
    assert "sealed for your key, each whole" in sealed.stdout
    assert "DUPONT" not in sealed.stdout + sealed.stderr
    assert len(list((site.folder / "sealed").rglob("*.c4gh"))) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--list", "--get", "a", "--out", "b"], "two things"),
        (["--get", "a"], "give both"),
        (["--out", "b"], "give both"),
        (["--sealed"], "give both"),
        (["--get", "none", "--out", "b"], "no object of the grant fits"),
        (["--get", "*/*/*/*", "--out", "b"], '"**" in all of them'),
        (["--get", "[ab]", "--out", "b"], "no set of characters"),
        (["--get", "**", "--out", "reader.sec/x"], "cannot be written to"),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_options_that_mean_nothing_are_refused(
    site: GrantedSite, arguments: list[str], words: str
) -> None:
    site.write()
    done = opened(site, *arguments)
    assert done.returncode == Exit.USAGE
    assert words in done.stderr


def _revoked(site: GrantedSite) -> Path:
    (site.write() / "revoked.dsse.json").write_text("{}")
    return site.folder


def _over(site: GrantedSite) -> Path:
    return site.write(until="2026-01-01T00:00:00Z")


def _of_another(site: GrantedSite) -> Path:
    grant = site.write()
    (site.folder / "reader.sec").unlink()
    (site.folder / "reader.pub").unlink()
    new_pair(site.folder, "reader", passphrase=None)
    return grant


def _cut(site: GrantedSite) -> Path:
    grant = site.write()
    data = (grant / pack.NAME).read_bytes()
    (grant / pack.NAME).write_bytes(data[:-1])
    return grant


def _gone(site: GrantedSite) -> Path:
    return site.folder


def _another_root(site: GrantedSite) -> Path:
    return site.write(given={"root": "0" * 64})


@pytest.mark.parametrize(
    ("harm", "code"),
    [(_over, Exit.REFUSED), (_of_another, Exit.REFUSED), (_cut, Exit.DAMAGED),
     (_gone, Exit.USAGE), (_another_root, Exit.DAMAGED), (_revoked, Exit.DAMAGED)],
)  # fmt: skip
def test_a_grant_that_may_not_be_used_is_one_line(site: GrantedSite, harm: Any, code: Exit) -> None:
    harm(site)
    done = opened(site, "--get", "**", "--out", "data")
    assert done.returncode == code
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "Traceback" not in done.stderr
    assert not (site.folder / "data").exists()


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (lies.flip_bit(70_000), Exit.VERIFICATION_FAILED),
        (lies.change_header("ETag", '"0"'), Exit.VERIFICATION_FAILED),
        (lies.status(404), Exit.VERIFICATION_FAILED),
        (lies.status(403), Exit.AUTH),
        (lies.short_consistent(1000), Exit.STOPPED),
        (lies.cut_after(1000), Exit.STOPPED),
        (lies.empty_200(), Exit.VERIFICATION_FAILED),
        (lies.html_200(), Exit.VERIFICATION_FAILED),
    ],
    ids=["a bit", "an etag", "gone", "denied", "short", "cut", "empty", "a login page"],
)  # fmt: skip
def test_a_host_that_lies_leaves_no_file(
    tmp_path: Path, server: StrictS3, lie: Any, code: Exit
) -> None:
    with Proxy(server.endpoint) as proxy:
        site = GrantedSite(tmp_path, server)
        site.put(CANARY, CLEAR["2024/a.csv"])
        site.url = proxy.url
        site.write()
        proxy.rule(action=lie, match=lambda request: "range" in request.headers.as_dict())
        done = opened(site, "--get", "**", "--out", "data", "--patience", "0")
    assert done.returncode == code, done.stderr
    assert "DUPONT" not in done.stderr + done.stdout
    assert "plan" not in done.stderr
    left = [path for path in (tmp_path / "data").rglob("*") if path.name == CANARY]
    assert left == []
