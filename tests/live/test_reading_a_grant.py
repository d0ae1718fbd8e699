"""A migration, a grant, and its reader: everything by the command line, and by fsspec."""

from __future__ import annotations

import pytest

from hdh_migrate.access.filesystem import GrantFileSystem
from hdh_migrate.errors import Exit
from hdh_migrate.sealing.keys import new_pair
from tests.support.finished import prepared
from tests.support.site import CORPUS, Site, moved_without_approvals

pytestmark = [pytest.mark.live, pytest.mark.slow]

GRANTED = {name: body for name, body in CORPUS.items() if not name.startswith("tmp/")}


@prepared(moved_without_approvals)
def test_the_reader_gets_what_was_granted_and_nobody_else_anything(site: Site) -> None:
    keys, folder, out = site.folder / "keys", site.folder / "lab", site.folder / "out"
    for name in ("lab", "other"):
        new_pair(keys, name, passphrase=None)
    target = site.section("target")["credential"]
    reader = (
        "open", str(folder), "--trust", str(keys / "report.pub"),
        "--credential-id", target["id"], "--credential-secret", target["secret"],
    )  # fmt: skip
    mine = (*reader, "--identity", str(keys / "lab.sec"))
    given = site.cli(
        "grant", site.plan, "--dataset", "emc2", "--to", str(keys / "lab.pub"), "--permit", "R-7",
        "--until", "2099-12-31", "--purpose", "survival", "--out", str(folder), "--json", expect=0,
    ).json  # fmt: skip

    assert site.cli(*mine, "--json", expect=0).json["grant"] == given["grant"]
    site.cli(*mine, "--get", "**", "--out", str(out), expect=0)
    for name, body in GRANTED.items():
        assert (out / name).read_bytes() == body
    refused = site.cli(*reader, "--identity", str(keys / "other.sec"), expect=Exit.REFUSED)
    assert "this grant is for" in refused.err
    steward = site.cli(*reader, "--identity", str(keys / "steward.sec"), expect=Exit.REFUSED)
    assert "this grant is for" in steward.err

    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.environ.items():
            patch.setenv(name, value)
        fs = GrantFileSystem(
            folder, keys / "lab.sec", trust=keys / "report.pub",
            credential_id=target["id"], credential_secret=target["secret"],
        )  # fmt: skip
        assert set(fs.find("")) == set(GRANTED)
        for name, body in GRANTED.items():
            assert fs.cat_file(name, 1, 9) == body[1:9]

        site.cli("revoke", site.plan, given["grant"], "--reason", "over", expect=None)
        gone = site.cli(*mine, "--list", expect=Exit.REFUSED)
        assert "revoked" in gone.err
