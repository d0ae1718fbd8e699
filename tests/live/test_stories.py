"""Months at random: a source that lives, a target that loses, a careless operator; then a way out.

Each story is drawn from a seed. Whatever was done in whatever order: no command ends in a fault of
ours, nothing that somebody else wrote is lost, `status` counts what the table has, and who follows
the hints that are printed comes to a source and a target that are alike, with evidence that checks.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.signing import load_trusted_key
from tests.support import second_verifier
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.inside import inside as started
from tests.support.strict_s3 import StrictS3

pytestmark = [pytest.mark.live, pytest.mark.slow]

SEEDS = (1, 2, 3)
STEPS = 9
PATIENCE = 30
"""Commands in which somebody who follows hints must have come to the end."""

NAMED = ("listed", "excluded", "refused", "sending", "sent", "verified", "failed")
SUMS = {"verified": "verified", "excluded": "excluded", "failed": "failed", "refused": "failed"}
RULE = "    exclude: [{glob: '*.tmp', reason: scratch, allow_unused: true}]\n"
AMEND = ("amend", "--batch", "all", "--reason", "ref. 7", "--execute")
OVER = ("--take-over", "--reason", "gone for good")


class Story:
    """One migration, and everybody who has to do with it."""

    def __init__(self, seed: int, job: Errand, server: StrictS3, client: Any) -> None:
        self.dice, self.job, self.server, self.client = random.Random(seed), job, server, client
        self.strangers: dict[bytes, str] = {}
        self.told: list[str] = []
        self.number = 0

    # --- the world -----------------------------------------------------------------------------

    @property
    def state(self) -> Path:
        return self.job.folder / ".hdh-migrate" / "errand"

    def files(self) -> list[Path]:
        return sorted(one for one in (self.job.folder / "data").rglob("*") if one.is_file())

    def appears(self) -> None:
        self.number += 1
        name = f"o{self.number}.{self.dice.choice(['csv', 'tmp'])}"
        (self.job.folder / "data" / name).write_bytes(
            self.dice.randbytes(self.dice.randint(0, 900))
        )

    def changes(self) -> None:
        path = self.dice.choice(self.files())
        path.write_bytes(self.dice.randbytes(path.stat().st_size % 70_000))
        os.utime(path, ns=(time.time_ns(), time.time_ns()))

    def vanishes(self) -> None:
        if len(self.files()) > 3:
            self.dice.choice(self.files()).unlink()

    def stored(self) -> dict[str, Any]:
        bucket = self.server.store.buckets[BUCKET]
        found = {key: bucket.current(key) for key in bucket.objects if key.startswith("in/")}
        return {
            key: one for key, one in found.items() if one is not None and ".hdh-kept-" not in key
        }

    def ours(self) -> list[str]:
        return [key for key, one in self.stored().items() if bytes(one.body) not in self.strangers]

    def target_loses(self) -> None:
        for key in self.ours()[:1]:
            self.client.delete_object(Bucket=BUCKET, Key=key)

    def bit_turns(self) -> None:
        for key in self.ours()[-1:]:
            one = self.stored()[key]
            one.body = one.body[:-1] + bytes([one.body[-1] ^ 1])

    def stranger_writes(self) -> None:
        for key in self.ours()[1:2]:
            body = self.dice.randbytes(40)
            self.strangers[body] = key
            self.client.put_object(Bucket=BUCKET, Key=key, Body=body)

    # --- the operator --------------------------------------------------------------------------

    def copies(self) -> list[Path]:
        folder = self.job.folder / "copies"
        return sorted(folder.iterdir()) if folder.exists() else []

    def puts_back(self) -> None:
        if found := self.copies():
            shutil.rmtree(self.state, ignore_errors=True)
            shutil.copytree(self.dice.choice(found), self.state)

    def burns(self) -> None:
        shutil.rmtree(self.state, ignore_errors=True)

    def rules(self) -> None:
        text = self.job.plan.read_text()
        place = "    source: {path: data}\n"
        with_rule = text.replace(place, place + RULE)
        self.job.plan.write_text(text.replace(RULE, "") if RULE in text else with_rule)

    def call(self, *words: str) -> tuple[int, dict[str, Any]]:
        code, told = self.job.call(*words)
        error = told.get("error", {})
        self.told.append(f"{' '.join(words)} -> {code} {error.get('message', '')}")
        assert code != 1, self.told
        bodies = {
            bytes(version.body)
            for versions in self.server.store.buckets[BUCKET].objects.values()
            for version in versions
            if not version.marker
        }
        assert self.strangers.keys() <= bodies, self.told
        return code, told

    def verb(self, *words: str) -> Callable[[], object]:
        return lambda: self.call(*words)

    def deeds(self) -> list[Callable[[], object]]:
        verbs = (
            ("run",), ("run",), ("run", "--refresh"), ("run", "--dry-run"),
            ("run", "--retry-failed"), ("inventory", "--refresh"), ("transfer",), ("verify",),
            ("verify", "--again"), ("verify", "--again", "--restore", "all"), ("adopt",),
            ("fence", *OVER), ("run", *OVER), AMEND, ("status", "--check"),
        )  # fmt: skip
        return [
            self.appears, self.changes, self.vanishes, self.target_loses, self.bit_turns,
            self.stranger_writes, self.puts_back, self.burns, self.rules, self.counts,
            *(self.verb(*words) for words in verbs),
        ]  # fmt: skip

    # --- what must hold ------------------------------------------------------------------------

    def rows(self, question: str) -> list[Any]:
        where = f"file:{self.state / 'ledger.db'}?mode=ro"
        with closing(sqlite3.connect(where, uri=True)) as database:
            return database.execute(question).fetchall()

    def counts(self) -> None:
        """Compare what `status` says with the table."""
        code, told = self.call("status")
        if code:
            return
        counted = Counter[str]()
        for state, objects in self.rows("SELECT state, count(*) FROM object GROUP BY state"):
            counted[SUMS.get(NAMED[state], "waiting")] += objects
        (batch,) = told["batches"]
        said = Counter({name: one["objects"] for name, one in batch["amounts"].items()})
        said["waiting"] += said.pop("held_back", 0)
        assert +said == +counted, self.told

    def settles(self) -> None:
        """Follow the hints until source and target are alike."""
        words = ["run", "--refresh"]
        for _ in range(PATIENCE):
            code, told = self.call(*words)
            if (
                code == 0
                and words[:2] == ["run", "--refresh"]
                and not self.call("verify", "--again")[0]
            ):
                return
            words = self.next(code, told.get("error", {}))
        raise AssertionError(self.told)

    def next(self, code: int, error: dict[str, str]) -> list[str]:
        hint = f"{error.get('message', '')} {error.get('hint', '')}"
        if "plan diff" in hint:
            return list(AMEND)
        if "adopt PLAN" in hint and "take-over" not in hint:
            return ["adopt"]
        if "take-over" in hint:
            return ["run", "--refresh", *OVER] if self.dice.random() < 0.5 else ["adopt"]
        open_ = {row[0] for row in self.rows("SELECT code FROM finding WHERE closed = 0")}
        if "target-replaced" in open_:
            return ["verify", "--again", "--restore", "all"]
        if "conflict" in open_:
            for body, key in list(self.strangers.items()):
                if key in self.stored() and bytes(self.stored()[key].body) == body:
                    del self.strangers[body]  # its owner was asked, and took it away
                    self.client.delete_object(Bucket=BUCKET, Key=key)
        return ["run", "--refresh"]

    def alike(self) -> None:
        """Compare source and target with the reference package, and have the evidence checked."""
        excluded = RULE in self.job.plan.read_text()
        data = self.job.folder / "data"
        self.job.corpus = {
            str(one.relative_to(data)): one.read_bytes()
            for one in self.files()
            if not (excluded and one.suffix == ".tmp")
        }
        self.job.check_stored()
        bundle = self.job.folder / "last"
        trust = self.job.folder / "keys" / "report.pub"
        assert self.call("report", "--out", str(bundle))[0] == 0, self.told
        done = started("audit", "verify", str(bundle), "--trust", str(trust), env=self.job.environ)
        assert done.returncode == 0, done.stdout
        key = load_trusted_key(trust)
        assert second_verifier.verify(bundle, {key.fingerprint: (key.public, key.until)}, 1) == []


@pytest.fixture(params=SEEDS)
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    with StrictS3() as server:
        client = s3_client(server)  # type: ignore[arg-type]  # it has what is asked of a server
        client.create_bucket(Bucket=BUCKET)
        job = errand(
            tmp_path, endpoint=server.endpoint, access_key=server.access_key, big=70_000,
            secret_key=server.secret_key, region=server.region,
            fetch=lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(),
            more=["backup: {folder: copies}"],
        )  # fmt: skip
        text = job.plan.read_text()
        vanished = "    vanished: keep-at-target\n    source: {path: data}\n"
        job.plan.write_text(text.replace("    source: {path: data}\n", vanished))
        yield Story(request.param, job, server, client)
        client.close()


def test_there_is_a_way_out_of_each_story(story: Story) -> None:
    story.call("run")
    for _ in range(STEPS):
        story.dice.choice(story.deeds())()
    story.settles()
    story.counts()
    story.alike()
