"""A file or a folder that a command names and that is not what it should be: one line, and a hint.

Missing, of the other kind, unreadable, empty, or full of something else; never damage where only a
path was mistyped, and never a fault of ours.
"""

from __future__ import annotations

import os

import pytest

from hdh_migrate.errors import Exit
from tests.support import sandbox as support
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.live, pytest.mark.slow]

bucket, sandbox = support.bucket, support.sandbox

USAGE, REFUSED, DAMAGED = Exit.USAGE, Exit.REFUSED, Exit.DAMAGED
ROOT = "0" * 64

FILES = (
    # the command, with @ for the file; how it ends if there is none; and if it holds something else
    ("approve plan.yaml --batch pilot --stage cutover --key @", REFUSED, REFUSED),
    ("approve plan.yaml --import @", USAGE, USAGE),
    (
        (
            "approve plan.yaml --grant g-1 --include a --bundle evidence --trust operator.pub"
            " --key keys/dpo.key --out x.json --salt @"
        ), USAGE, USAGE,
    ),
    ("waive plan.yaml --what attestation --until 2099-12-15 --key @ --reason x", REFUSED, REFUSED),
    ("waive @ --what attestation --until 2099-12-15 --key k.key --reason x", REFUSED, REFUSED),
    ("report sign evidence --key @ --trust operator.pub", REFUSED, REFUSED),
    ("report sign evidence --key witness.key --trust @", USAGE, USAGE),
    ("report timestamp evidence --token operator.pub --tsa-trust @", USAGE, USAGE),
    ("audit verify evidence --trust @", USAGE, USAGE),
    ("audit verify evidence --trust operator.pub --checkpoint @", USAGE, USAGE),
    ("audit verify evidence --trust operator.pub --tsa-trust @", USAGE, USAGE),
    (
        "audit verify evidence --trust operator.pub --sample 1 --target-credentials @",
        USAGE, USAGE,
    ),
    ("audit show evidence --trust @", USAGE, USAGE),
    ("audit prove evidence mco.csv --checkpoint @", USAGE, DAMAGED),
    (f"audit check-proof @ --root {ROOT}", USAGE, DAMAGED),
    ("audit check-proof @ --trust operator.pub", USAGE, DAMAGED),
    (f"audit check-opening @ --root {ROOT}", USAGE, DAMAGED),
    (
        "grant plan.yaml --dataset pmsi --to @ --permit R --until 2099-12-31 --purpose x --out lab",
        REFUSED, REFUSED,
    ),
    ("open grants/4711 --identity keys/me.sec --trust @ --list", REFUSED, REFUSED),
    ("keys show @", REFUSED, REFUSED),
    ("keys relock @ --new-passphrase-from env:STEWARD", REFUSED, REFUSED),
    ("keys import @ --name x", REFUSED, REFUSED),
    ("keys drill plan.yaml --key @", REFUSED, REFUSED),
    ("keys rotate plan.yaml --from @ --to new.pub", REFUSED, REFUSED),
    ("keys rotate plan.yaml --from keys/steward.pub --to @", REFUSED, REFUSED),
    ("provision plan.yaml --policy @", USAGE, USAGE),
    ("providers show scaleway --own @", REFUSED, REFUSED),
    ("validate @", REFUSED, REFUSED),
    ("status @", REFUSED, REFUSED),
)  # fmt: skip

FOLDERS = (
    # the command, with @ for the folder; how it ends if there is none, or an empty one; and a file
    ("open @ --identity keys/me.sec --list", USAGE, USAGE),
    ("audit show @", USAGE, DAMAGED),
    ("audit dossier @ --trust operator.pub", USAGE, USAGE),
    ("audit compare @ evidence --trust operator.pub", USAGE, DAMAGED),
    ("audit export @ --format csv", USAGE, DAMAGED),
    ("audit prove @ mco.csv", USAGE, DAMAGED),
    ("audit open plan.yaml pmsi mco.csv --bundle @ --out x", USAGE, USAGE),
    ("report sign @ --key witness.key --trust operator.pub", USAGE, DAMAGED),
    ("report timestamp @ --request x.tsq", USAGE, USAGE),
    ("adopt plan.yaml --bundle @", USAGE, USAGE),
    ("validate plan.yaml --from-report @", USAGE, USAGE),
)

NEW = (
    # the command, with @ for what it is to write, in the place of which something is
    ("keys new x --dir @", USAGE),
    ("fetch plan.yaml pmsi mco.csv --reason x --out @", USAGE),
    ("restore-view plan.yaml --reason x --out @", USAGE),
    ("audit verifier --out @", USAGE),
    ("forecast plan.yaml --dossier @", REFUSED),
)

NONE = ("missing", "loop", "file/in-a-file", "pipe")
NO_FOLDER = ("missing", "file/in-a-file", "folder")
OTHERS = ("empty", "binary")


@pytest.fixture
def reported(sandbox: Sandbox) -> Sandbox:
    """A report, a grant's folder in name alone, and what no command expects."""
    folder = sandbox.folder
    sandbox.give("run plan.yaml --batch pilot --until verify --no-progress", expect=Exit.OK)
    sandbox.give("report plan.yaml --out evidence", expect=Exit.OK)
    (folder / "grants" / "4711").mkdir(parents=True)
    for name in ("pack.c4gh", "grant.dsse.json"):
        (folder / "grants" / "4711" / name).write_text("{}")
    for name, data in (("file", b"x"), ("empty", b""), ("binary", bytes(range(256)) * 3)):
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    (folder / "folder").mkdir(mode=0o700)
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    return sandbox


def test_what_is_not_as_it_should_be_is_said_in_one_line_with_a_hint(reported: Sandbox) -> None:
    wanted = [
        *((text, path, none) for text, none, _ in FILES for path in (*NONE, "folder")),
        *((text, path, other) for text, _, other in FILES for path in OTHERS),
        *((text, path, none) for text, none, _ in FOLDERS for path in NO_FOLDER),
        *((text, path, other) for text, _, other in FOLDERS for path in OTHERS),
        *((text, "file/in-a-file", code) for text, code in NEW),
    ]
    wrong = []
    for text, path, code in wanted:
        done = reported.give(text.replace("@", path))
        lines = done.err.splitlines()
        hinted = any(line.startswith("hint: ") for line in lines)
        if done.code != code or not hinted or "a fault of ours" in done.err:
            wrong.append((text, path, done.code, done.err[-300:]))
    assert wrong == [], "\n".join(map(str, wrong))
