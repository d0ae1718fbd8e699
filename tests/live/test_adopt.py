"""A ledger that was lost, or only an old copy, on real servers and at the real command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.demo.servers import S3Server
from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.sealing.keys import new_pair
from tests.support import second_verifier
from tests.support.errand import BIG, BUCKET, ODD, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.inside import inside as started
from tests.support.strict_s3 import StrictS3

pytestmark = [pytest.mark.live, pytest.mark.slow]

MORE = {"b.csv": b"1,2,3\n" * 90, "c.csv": b"4,5,6\n" * 90, "d.csv": b"7,8,9\n" * 90}


@dataclass(slots=True, kw_only=True)
class Stage:
    """An errand whose objects are all moved and reported, and a client that writes beside it."""

    job: Errand
    client: Any = field(repr=False)

    @property
    def state(self) -> Path:
        return self.job.folder / ".hdh-migrate" / "errand"

    def tags(self) -> dict[str, str]:
        """Return the attempt tag of every object, by key at the source."""
        return {key: self.head(key)["Metadata"].get("hdh-attempt", "") for key in self.job.corpus}

    def head(self, key: str) -> dict[str, Any]:
        told: dict[str, Any] = self.client.head_object(Bucket=BUCKET, Key=f"in/{key}.c4gh")
        return told

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> None:
        self.client.put_object(Bucket=BUCKET, Key=f"in/{key}.c4gh", Body=body, Metadata=metadata)

    def take_over(self) -> None:
        """Say that the machine that moved everything is gone for good."""
        told = self.job.call("fence", "--take-over", "--reason", "the machine burned")
        assert told[0] == Exit.OK, told

    def checks(self, bundle: Path) -> None:
        """Have both verifiers check a bundle."""
        trust = self.job.folder / "keys" / "report.pub"
        done = started("audit", "verify", str(bundle), "--trust", str(trust), env=self.job.environ)
        assert done.returncode == Exit.OK, done.stdout
        key = load_trusted_key(trust)
        assert second_verifier.verify(bundle, {key.fingerprint: (key.public, key.until)}, 1) == []

    def compared(self, old: Path, new: Path) -> tuple[int, str]:
        trust = str(self.job.folder / "keys" / "report.pub")
        done = started(
            "audit", "compare", str(old), str(new), "--trust", trust, env=self.job.environ
        )
        return done.returncode, done.stdout


@pytest.fixture(params=["strict", "moto"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    server: S3Server | StrictS3 = (
        request.getfixturevalue("strict_server")
        if request.param == "strict"
        else request.getfixturevalue("moto")
    )
    client = s3_client(server)  # type: ignore[arg-type]  # it has what is asked of a server
    client.create_bucket(Bucket=BUCKET)
    job = errand(
        tmp_path, endpoint=server.endpoint, access_key=server.access_key,
        secret_key=server.secret_key, region=server.region,
        fetch=lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(),
        more=["backup: {folder: copies}"],
    )  # fmt: skip
    for name, body in MORE.items():
        (tmp_path / "data" / name).write_bytes(body)
        job.corpus[name] = body
    made = Stage(job=job, client=client)
    assert job.call("run", "--out", str(tmp_path / "first"))[0] == Exit.OK
    yield made
    for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=one["Key"])  # the fence, too
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def strict_server() -> Iterator[StrictS3]:
    with StrictS3() as server:
        yield server


def burned(stage: Stage) -> None:
    """Lose the machine with all that it held but the plan, the keys and the source."""
    shutil.rmtree(stage.job.folder / ".hdh-migrate")
    shutil.rmtree(stage.job.folder / "copies")


def test_the_machine_burned_and_nothing_is_sent_twice(stage: Stage) -> None:
    job, before = stage.job, stage.tags()
    burned(stage)
    code, told = job.call("run")
    assert code == Exit.LOCKED
    assert "adopt PLAN" in told["error"]["hint"]
    code, told = job.call("run", "--take-over", "--reason", "the machine burned")
    assert code == Exit.REFUSED
    assert "does not know (6 of 6" in told["error"]["message"]
    assert "adopt PLAN" in told["error"]["hint"]
    assert stage.tags() == before

    code, told = job.call("adopt")

    assert code == Exit.OK
    (batch,) = told["batches"]
    assert (batch["adopted"], batch["by_bundle"], batch["unproved"]) == (6, 0, 0)
    bundle = job.folder / "second"
    assert job.call("run", "--out", str(bundle))[0] == Exit.OK
    assert stage.tags() == before
    stage.checks(bundle)
    job.check_stored()
    assert job.call("verify", "--again")[0] == Exit.OK


def test_what_the_next_run_refuses_is_said_and_holds_up_no_adoption(stage: Stage) -> None:
    """Adopting was refused for an object that is to be left out, and left a run refused for it."""
    job, before = stage.job, stage.tags()
    burned(stage)
    deep = job.folder / "data" / Path(*["n" * 200] * 6)
    deep.mkdir(parents=True)
    (deep / "late").write_bytes(b"its name is longer than any target takes")

    done = started("adopt", str(job.plan), "--json", env=job.environ)

    assert done.returncode == Exit.FINDINGS, done.stderr
    assert json.loads(done.stdout)["batches"][0]["adopted"] == 6
    assert "note: the next run refuses batch " in done.stderr
    assert ": 1 object cannot be moved as planned" in done.stderr
    assert ' --reason TEXT --execute" takes that' in done.stderr
    stage.take_over()
    assert job.call("run")[0] == Exit.REFUSED
    shutil.rmtree(job.folder / "data" / ("n" * 200))
    job.call("run", "--refresh")
    assert stage.tags() == before


def test_only_what_does_not_prove_good_is_sent_again(stage: Stage) -> None:
    job, first = stage.job, stage.job.folder / "first"
    before = stage.tags()
    burned(stage)
    (job.folder / "data" / "b.csv").write_bytes(b"changed since")
    (job.folder / "data" / "empty").unlink()
    stage.put("c.csv", b"theirs", {})
    spoiled = bytearray(job.fetch("in/d.csv.c4gh"))
    spoiled[-1] ^= 1
    stage.put("d.csv", bytes(spoiled), stage.head("d.csv")["Metadata"])

    code, told = job.call("adopt", "--bundle", str(first))

    assert code == Exit.FINDINGS
    (batch,) = told["batches"]
    assert batch == {
        "batch": "all", "adopted": 3, "by_bundle": 3, "unproved": 2, "foreign": 1, "joined": 1,
    }  # fmt: skip
    second = job.folder / "second"
    stage.take_over()
    assert job.call("run", "--out", str(second))[0] == Exit.FINDINGS
    found = job.findings()
    assert [one for one in found if one[1] is not None] == [("conflict", "c.csv")]
    assert {code for code, key in found if key is None} == {"adopted", "taken-over"}
    now = stage.tags()
    kept = {ODD, BIG, "empty"}
    assert {key: now[key] for key in kept} == {key: before[key] for key in kept}
    assert now["c.csv"] == ""
    assert job.fetch("in/c.csv.c4gh") == b"theirs"
    stage.checks(second)
    code, said = stage.compared(first, second)
    assert "journal-forked" not in said
    assert "adopted the old bundle" in said
    assert "the new statement names the old one as the one before it" in said
    assert "3 verified objects are as they were" in said

    job.corpus["b.csv"] = b"changed since"
    stage.client.delete_object(Bucket=BUCKET, Key="in/c.csv.c4gh")
    third = job.folder / "third"
    assert job.call("run", "--out", str(third))[0] == Exit.OK
    stage.checks(third)
    job.check_stored()


def test_an_old_copy_of_the_state_is_noticed_and_goes_on_after_adopting(stage: Stage) -> None:
    job, before = stage.job, stage.tags()
    old = job.folder / "old"
    shutil.copytree(stage.state, old)
    stage.client.delete_object(Bucket=BUCKET, Key="in/b.csv.c4gh")
    assert job.call("verify", "--again")[0] == Exit.VERIFICATION_FAILED
    assert job.call("run")[0] == Exit.OK
    sent_anew = stage.head("b.csv")["ETag"]
    shutil.rmtree(stage.state)
    shutil.copytree(old, stage.state)

    code, told = job.call("run")

    assert code == Exit.REFUSED
    assert "is not the newest of this migration" in told["error"]["message"]
    copies = sorted((job.folder / "copies").iterdir())
    assert str(copies[-1]) in told["error"]["message"]
    shutil.move(stage.state, job.folder / "aside")
    shutil.copytree(copies[-1], stage.state)
    assert job.call("run")[0] == Exit.OK
    shutil.rmtree(stage.state)
    shutil.copytree(old, stage.state)
    assert job.call("adopt")[0] == Exit.OK
    stage.take_over()
    assert job.call("run")[0] == Exit.OK
    assert stage.head("b.csv")["ETag"] == sent_anew
    assert {key: tag for key, tag in stage.tags().items() if key in before and key != "b.csv"} == {
        key: tag for key, tag in before.items() if key != "b.csv"
    }


def test_a_bundle_that_no_key_of_the_plan_signed_is_refused(stage: Stage) -> None:
    job = stage.job
    burned(stage)
    bundle = job.folder / "first"
    text = (bundle / "manifest.jsonl").read_bytes()
    (bundle / "manifest.jsonl").write_bytes(text.replace(b'"size":540', b'"size":541'))

    code, told = job.call("adopt", "--bundle", str(bundle))

    assert code == Exit.DAMAGED
    assert "does not check" in told["error"]["message"]
    assert not (stage.state / "ledger.db").exists()


def test_a_recipient_that_was_added_since_is_no_reason_to_send_everything_anew(
    stage: Stage,
) -> None:
    job, before = stage.job, stage.tags()
    new_pair(job.folder / "keys", "third", passphrase=None)
    text = job.plan.read_text()
    more = text.replace("keys/escrow.pub]", "keys/escrow.pub, keys/third.pub]")
    burned(stage)
    job.plan.write_text(more)

    done = started("adopt", str(job.plan), "--json", env=job.environ)

    assert done.returncode == Exit.FINDINGS
    assert "6 objects have not the size that the plan's seal gives" in done.stderr
    assert json.loads(done.stdout)["batches"][0]["unproved"] == 6

    # As the note says: with the recipients of then, and the new one afterwards.
    shutil.rmtree(job.folder / ".hdh-migrate")
    shutil.rmtree(job.folder / "copies")
    job.plan.write_text(text)
    assert job.call("adopt")[0] == Exit.OK
    job.plan.write_text(more)
    assert job.call("run")[0] == Exit.REFUSED
    code, told = job.call("amend", "--batch", "all", "--reason", "a third reader", "--execute")
    assert (code, told["datasets"][0]["sealed_before"]) == (Exit.OK, 6)
    stage.take_over()
    second = job.folder / "second"
    assert job.call("run", "--out", str(second))[0] == Exit.OK
    assert stage.tags() == before
    stage.checks(second)


def test_a_key_that_took_the_place_of_another_one_meanwhile_is_no_recipient(stage: Stage) -> None:
    """As many keys, so as many bytes: nothing at the target shows that one opens none of them."""
    job, before = stage.job, stage.tags()
    new_pair(job.folder / "keys", "third", passphrase=None)
    text = job.plan.read_text()
    job.plan.write_text(text.replace("keys/escrow.pub]", "keys/third.pub]"))
    burned(stage)

    first = ("--bundle", str(job.folder / "first"))
    code, told = job.call("adopt", *first)

    assert code == Exit.REFUSED
    assert "sealed for keys that the plan does not name" in told["error"]["message"]
    assert "keys rotate PLAN" in told["error"]["hint"]
    code, told = job.call("adopt")  # without a bundle the fence tells it
    assert code == Exit.REFUSED
    assert "as the fence at the target tells" in told["error"]["message"]
    shutil.rmtree(job.folder / ".hdh-migrate")

    job.plan.write_text(text)
    done = started("adopt", str(job.plan), "--json", env=job.environ)
    assert done.returncode == Exit.OK, done.stderr
    assert "was not seen: only a bundle tells for whom it was sealed" in done.stderr
    shutil.rmtree(job.folder / ".hdh-migrate")
    shutil.rmtree(job.folder / "copies", ignore_errors=True)
    assert job.call("adopt", *first)[0] == Exit.OK
    stage.take_over()
    assert job.call("run")[0] == Exit.OK
    assert stage.tags() == before


def test_what_is_sealed_for_fewer_is_sent_anew_for_all_when_nobody_keeps_it(stage: Stage) -> None:
    job = stage.job
    new_pair(job.folder / "keys", "third", passphrase=None)
    burned(stage)
    text = job.plan.read_text()
    job.plan.write_text(text.replace("keys/escrow.pub]", "keys/escrow.pub, keys/third.pub]"))
    assert job.call("adopt", "--bundle", str(job.folder / "first"))[0] == Exit.FINDINGS

    second = job.folder / "second"
    words = ("--take-over", "--reason", "burned", "--out", str(second))
    assert job.call("run", *words)[0] == Exit.OK

    stage.checks(second)
    job.check_stored()
    assert {head["ContentLength"] for head in map(stage.head, MORE)} == {540 + 28 + 16 + 3 * 108}
