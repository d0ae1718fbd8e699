"""A public key that was lost is made anew by whoever can open its private key."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from tests.support.inside import inside as command

SECRET = {"PHRASE": "mulberry canteen 87 lattice"}
PHRASE = ("--passphrase-from", "env:PHRASE")


@pytest.mark.parametrize("purpose", ["seal", "seal-hybrid", "report"])
def test_a_lost_public_key_is_what_it_was(tmp_path: Path, purpose: str) -> None:
    made = command("keys", "new", "k", "--purpose", purpose, *PHRASE, cwd=tmp_path, env=SECRET)
    assert made.returncode == Exit.OK, made.stderr
    (private,) = set((tmp_path / "keys").iterdir()) - {tmp_path / "keys" / "k.pub"}
    was = (tmp_path / "keys" / "k.pub").rename(tmp_path / "lost").read_bytes()
    again = ("keys", "show", f"keys/{private.name}", "--public", "keys/k.pub")

    assert command(*again, cwd=tmp_path, env={}).returncode == Exit.REFUSED  # who cannot open it
    assert not (tmp_path / "keys" / "k.pub").exists()
    shown = command(*again, *PHRASE, "--json", cwd=tmp_path, env=SECRET)

    assert json.loads(shown.stdout)["made"] == "keys/k.pub"
    assert (tmp_path / "keys" / "k.pub").read_bytes() == was
    assert command(*again, *PHRASE, cwd=tmp_path, env=SECRET).returncode == Exit.REFUSED
    assert (tmp_path / "keys" / "k.pub").read_bytes() == was
    of_public = command("keys", "show", "keys/k.pub", "--public", "keys/l.pub", cwd=tmp_path)
    assert of_public.returncode == Exit.USAGE
    assert not (tmp_path / "keys" / "l.pub").exists()


def test_who_lacks_a_recipients_key_is_told_how_to_make_it_anew(tmp_path: Path) -> None:
    assert command("init", "emc2", cwd=tmp_path).returncode == Exit.OK
    (tmp_path / "emc2" / "keys" / "escrow.pub").unlink()
    environ = {"HDH_SOURCE_SAS": "sig=x", "HDH_TARGET_ID": "x", "HDH_TARGET_SECRET": "x"}

    refused = command("preflight", "emc2/plan.yaml", cwd=tmp_path, env=environ)

    assert refused.returncode == Exit.REFUSED
    found = re.search(r'"hdh-migrate (keys show [^"]+)"', refused.stderr)
    assert found is not None, refused.stderr
    said = shlex.split(found[1].replace("FILE", "emc2/keys/escrow.sec"))
    assert command(*said, cwd=tmp_path).returncode == Exit.OK
    again = command("preflight", "emc2/plan.yaml", cwd=tmp_path, env=environ)
    assert "escrow.pub" not in again.stderr
