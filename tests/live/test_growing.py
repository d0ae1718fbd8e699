"""A plan that lives for months, as operators change it: on a real server, by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.model import FENCES
from hdh_migrate.sealing.keys import new_pair
from tests.support.agreed import agreed
from tests.support.fixtures import s3_client
from tests.support.inside import inside as command
from tests.support.strict_s3 import StrictS3

pytestmark = [pytest.mark.live, pytest.mark.slow]

PLAN = """\
version: 1
migration: months
source: {{kind: folder}}
target:
  provider: generic
  endpoint: {endpoint}
  region: {region}
  credential: {{kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - {{name: tables, source: {{path: data/tables}}, target: {{bucket: landing, prefix: t/}}}}
  - {{name: scans, source: {{path: data/scans}}, target: {{bucket: landing, prefix: s/}}}}
batches:
  - {{name: pilot, datasets: [tables]}}
  - {{name: imaging, datasets: [scans]}}
engine: {{kind: local, processes: 1, connections: 4}}
limits: {{retry_budget: 2s}}
report: {{signer: "file:keys/report.key", languages: [en]}}
"""


@dataclass(slots=True, kw_only=True)
class Months:
    """A plan, its source and its server."""

    folder: Path
    client: Any = field(repr=False)
    environ: dict[str, str] = field(repr=False)

    @property
    def plan(self) -> Path:
        return self.folder / "plan.yaml"

    def change(self, was: str, now: str) -> None:
        text = self.plan.read_text()
        assert was in text
        self.plan.write_text(text.replace(was, now))

    def put(self, files: Mapping[str, bytes]) -> None:
        for name, body in files.items():
            path = self.folder / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)

    def call(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        done = command(*arguments, "--json", env=self.environ)
        assert done.returncode == expect, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def run(self, *more: str, expect: int = 0) -> dict[str, Any]:
        return self.call("run", str(self.plan), *more, expect=expect)

    def diff(self, expect: int = 0) -> dict[str, Any]:
        return self.call("plan", "diff", str(self.plan), expect=expect)

    def journal(self, kind: str) -> list[dict[str, Any]]:
        told = command("audit", "journal", str(self.plan), "--json", env=self.environ).stdout
        events = [json.loads(line) for line in told.splitlines()]
        return [json.loads(one["body"]) for one in events if one["kind"] == kind]

    def held(self) -> dict[str, str]:
        """Return the ETag of everything that was moved: the fence is nothing of it."""
        listed = self.client.list_objects_v2(Bucket="landing").get("Contents", ())
        return {one["Key"]: one["ETag"] for one in listed if not one["Key"].startswith(FENCES)}

    def evidence(self, name: str) -> Path:
        """Write a report and check it as an auditor does."""
        out = self.folder / name
        self.call("report", str(self.plan), "--out", str(out))
        trust = str(self.folder / "keys" / "report.pub")
        self.call("audit", "verify", str(out), "--trust", trust)
        agreed(out, trust)
        return out


@pytest.fixture
def months(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Months]:
    with StrictS3() as server:
        client = s3_client(server)
        client.create_bucket(Bucket="landing")
        (tmp_path / "keys").mkdir()
        for name in ("steward", "escrow", "third"):
            new_pair(tmp_path / "keys", name, passphrase=None)
        new_report_key(tmp_path / "keys", "report", None)
        plan = PLAN.format(endpoint=server.endpoint, region=server.region)
        (tmp_path / "plan.yaml").write_text(plan)
        monkeypatch.setenv("T_ID", server.access_key)
        monkeypatch.setenv("T_SECRET", server.secret_key)
        environ = {
            "T_ID": server.access_key,
            "T_SECRET": server.secret_key,
            "PATH": "/usr/bin:/bin",
        }
        made = Months(folder=tmp_path, client=client, environ=environ)
        made.put({"tables/a.csv": b"a", "tables/b.csv": b"bb", "scans/one.dcm": b"one"})
        yield made
        client.close()


Line = Callable[[dict[str, Any]], tuple[Any, ...]]


def lines(told: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(one["field_class"], one["field"], one["bound_by"]) for one in told["changes"]]


def test_a_plan_grows_changes_and_is_renamed_where_nothing_was_begun(months: Months) -> None:
    months.run("--batch", "pilot")
    first = months.diff()
    assert (first["allowed"], first["changes"]) == (True, [])
    assert [one["batch"] for one in first["bound"]] == ["pilot"]
    assert first["free"] == ["imaging"]

    # A batch is added; another one is changed, and gets another name, and so does its dataset.
    months.put({"notes/n.txt": b"n"})
    months.change(
        "{name: imaging, datasets: [scans]}",
        "{name: pictures, datasets: [images]}\n"
        "  - {name: paper, datasets: [notes], needs: [pictures]}",
    )
    months.change("name: scans, source", "name: images, source")
    months.change(
        "prefix: s/}}",
        "prefix: i/}}\n  - {name: notes, source: {path: data/notes}, target: {bucket: landing}}",
    )
    assert {one["bound_by"] == [] for one in months.diff()["changes"]} == {True}
    months.run()
    assert set(months.held()) == {"t/a.csv.c4gh", "t/b.csv.c4gh", "i/one.dcm.c4gh", "n.txt.c4gh"}

    bound = months.journal("batch-bound")
    assert [(one["batch"], one["revision"]) for one in bound] == [
        ("pilot", 1), ("pictures", 1), ("paper", 1),
    ]  # fmt: skip
    assert bound[0]["digest"] == first["bound"][0]["digest"]
    (told,) = months.journal("plan-changed")
    assert "batches[paper]: added" in told["changes"]
    months.evidence("evidence")


def test_how_it_is_moved_changes_at_any_time_and_the_journal_tells_it(months: Months) -> None:
    months.run("--batch", "pilot")
    months.environ["OTHER_ID"] = months.environ.pop("T_ID")
    months.change("env:T_ID", "env:OTHER_ID")
    months.change("retry_budget: 2s", "retry_budget: 3s, bandwidth: 5MiB/s")
    months.change("connections: 4", "connections: 2")
    months.change("steward.sec", "escrow.sec")
    assert {one[0] for one in lines(months.diff())} == {"how"}

    months.run()

    (told,) = months.journal("plan-changed")
    assert 'target.credential.id: "env:T_ID" -> "env:OTHER_ID"' in told["changes"]
    assert 'limits.bandwidth: added ("5MiB/s")' in told["changes"]
    months.evidence("evidence")


def test_what_a_batch_is_stays_and_the_refusal_names_field_batch_and_what_to_do(
    months: Months,
) -> None:
    months.run("--batch", "pilot")
    months.change("bucket: landing, prefix: t/", "bucket: landing, prefix: u/")
    months.change("format: crypt4gh", "format: crypt4gh\n  suffix: .sealed")

    assert lines(months.diff(expect=3)) == [
        ("what", "datasets[tables].target.prefix", ["pilot"]),
        ("what", "seal.suffix", ["pilot"]),
    ]
    refused = months.run(expect=3)["error"]
    assert (
        'datasets[tables].target.prefix: "t/" -> "u/" (bound by batch pilot' in refused["message"]
    )
    assert "plan diff" in refused["hint"]
    assert "migration" not in refused["hint"]
    assert months.journal("plan-changed") == []


def test_a_batch_that_found_nothing_to_list_is_not_bound(months: Months) -> None:
    months.change("path: data/scans", "path: data/scams")
    months.run("--batch", "imaging", expect=3)
    months.change("path: data/scams", "path: data/scans")
    months.run()
    assert "s/one.dcm.c4gh" in months.held()


def test_a_bound_batch_may_not_go_nor_lose_its_name_or_its_dataset(months: Months) -> None:
    months.run("--batch", "pilot")
    months.change("name: pilot, datasets: [tables]", "name: first, datasets: [tables]")
    assert lines(months.diff(expect=3))[0] == ("what", "batches[pilot]", ["pilot"])
    assert "batches[pilot]: not in the plan any more" in months.run(expect=3)["error"]["message"]


def test_a_bound_batch_is_amended_goes_on_and_its_evidence_holds(months: Months) -> None:
    months.put({"tables/tmp/one": b"1", "tables/tmp/two": b"22"})
    months.run("--batch", "pilot")
    held = months.held()
    months.put({"tables/tmp/three": b"333", "extra/e.csv": b"e"})

    # A rule and a dataset come to the batch, and a recipient to all of it.
    months.change(
        "path: data/tables}", 'path: data/tables}, exclude: [{glob: "tmp/**", reason: x}]'
    )
    months.change("{name: pilot, datasets: [tables]}", "{name: pilot, datasets: [tables, extra]}")
    months.change("batches:\n", "  - {name: extra, source: {path: data/extra},"
                  " target: {bucket: landing, prefix: e/}}\nbatches:\n")  # fmt: skip
    months.change("keys/escrow.pub]", "keys/escrow.pub, keys/third.pub]")
    refused = months.run(expect=3)["error"]["message"]
    assert refused.count("hdh-migrate amend PLAN --batch pilot") == 4

    arguments = ("amend", str(months.plan), "--batch", "pilot", "--reason", "ref. 7")
    shown = months.call(*arguments, "--show-names")
    assert {(one["key"], one["becomes"]) for one in shown["objects"]} == {
        ("tmp/one", "moved before the rule"), ("tmp/two", "moved before the rule"),
    }  # fmt: skip
    assert months.call(*arguments, "--execute")["revision"] == 2
    assert months.call(*arguments, "--execute")["changes"] == []
    assert months.diff()["changes"] == []

    months.run()
    assert {key: months.held()[key] for key in held} == held  # nothing was sent again
    assert {"e/e.csv.c4gh", "s/one.dcm.c4gh"} <= set(months.held())
    months.run("--refresh")
    assert "t/tmp/three.c4gh" not in months.held()
    bundle = months.evidence("evidence")
    keys = months.folder / "keys"
    rows = [json.loads(line) for line in (bundle / "manifest.jsonl").read_text().splitlines()]
    sizes = {one["key"]: one["stored_size"] - one["size"] for one in rows}
    assert sizes["e.csv"] == sizes["a.csv"] + 108  # for one more, and only what came later
    out = months.folder / "keyed"
    months.call("report", str(months.plan), "--out", str(out), "--names", "keyed")
    months.call("audit", "verify", str(out), "--trust", str(keys / "report.pub"))
    agreed(out, keys / "report.pub")

    # The rule is taken back: what it left behind is moved, and what was moved is not sent again.
    months.change('exclude: [{glob: "tmp/**", reason: x}]', "exclude: []")
    assert months.call(*arguments, "--execute")["datasets"][1]["taken_back"] == 1
    before = months.held()
    months.run()
    assert {key: months.held()[key] for key in before} == before
    assert "t/tmp/three.c4gh" in months.held()
    later = months.evidence("later")
    trust = ("--trust", str(keys / "report.pub"))
    months.call("audit", "compare", str(bundle), str(later), *trust)
