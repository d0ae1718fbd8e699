"""The fields' rules, the rules across fields, and what a plan answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hdh_migrate.model import Place, Role
from hdh_migrate.plan.datasets import Batch
from hdh_migrate.plan.model import Plan
from tests.unit.plan.builders import as_yaml, loaded, problems, value


def _set(path: str, new: object) -> dict[str, Any]:
    """Return the full plan with one value set; a step may be an index."""
    plan = value()
    at: Any = plan
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in steps:
        at = at[step]
    at[last] = new
    return plan


def _told(folder: Path, plan: object) -> list[str]:
    """Return what is wrong with a plan, without lines and columns."""
    return [line.split(": ", 1)[1] for line in problems(folder, as_yaml(plan))]


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("migration", "a"),
        ("migration", "a" * 40),
        ("source.account_url", "http://127.0.0.1:10000/devstoreaccount1"),
        ("source.account_url", "http://localhost:10000/devstoreaccount1"),
        ("source.account_url", "http://[::1]:10000/devstoreaccount1"),
        ("source.account_url", "https://hdhprod.blob.core.windows.net/"),
        ("source.credential", {"kind": "shared-key", "value": "file:a key"}),
        ("source.credential", {"kind": "azure-identity"}),
        ("target.endpoint", "https://127.8.9.1"),
        ("target.endpoint", None),
        ("target.region", "cloudgouv-eu-west-1"),
        ("seal.suffix", ""),
        ("seal.suffix", ".tar.c4gh"),
        ("seal", {"format": "none", "reason": "public code tables"}),
        ("datasets.0.source.container", "abc"),
        ("datasets.0.source.container", "$root"),
        ("datasets.0.source.prefix", "é" * 512),
        ("datasets.0.target.bucket", "a.b-c"),
        ("datasets.0.target.bucket", "a" * 63),
        ("datasets.0.include", []),
        ("engine.processes", "auto"),
        ("engine.processes", 1),
        ("engine.processes", 64),
        ("engine.connections", 1),
        ("engine.connections", 256),
        ("limits.bandwidth", "1.5MB/s"),
        ("limits.retry_budget", "24h"),
        ("limits.memory", "16MiB"),
        ("report.languages", ["en"]),
        ("report.tsa.url", "http://tsa.example"),
        ("report.tsa.url", "https://tsa.example:8443/rfc3161/"),
        ("report.tsa", None),
    ],
)
def test_a_value_at_the_edge_of_its_rule_is_accepted(
    tmp_path: Path, path: str, good: object
) -> None:
    loaded(tmp_path, as_yaml(_set(path, good)))


@pytest.mark.parametrize(
    ("path", "bad"),
    [
        ("migration", ""),
        ("migration", "a" * 41),
        ("migration", "Emc2"),
        ("migration", "a\n"),
        ("source.account_url", "http://hdhprod.blob.core.windows.net"),
        ("source.account_url", "http://127.0.0.1.example.org"),
        ("source.account_url", "http://localhost.example.org"),
        ("source.account_url", "https://hdhprod.blob.core.windows.net/emc2"),
        ("source.account_url", "https://hdhprod-secondary.blob.core.windows.net"),
        ("source.account_url", "https://hdhprod.dfs.core.windows.net"),
        ("source.account_url", "https://user@host.example"),
        ("source.account_url", "https://host.example?sv=1"),
        ("source.account_url", "https://host.example?"),
        ("source.account_url", "https://host.example#a"),
        ("source.account_url", "https://host.example\\@127.0.0.1"),
        ("source.account_url", "https://ho st.example"),
        ("source.account_url", "https://höst.example"),
        ("source.account_url", "https://[::1"),
        ("source.account_url", "https://[v1.a]"),
        ("source.account_url", "https://host.example:99999"),
        ("source.account_url", "https://host.example:0"),
        ("source.account_url", "https://:443"),
        ("source.account_url", "http://127.1:10000"),
        ("source.account_url", "http://0x7f.0.0.1"),
        ("source.account_url", "http://2130706433"),
        ("source.account_url", "HTTPS://host.example"),
        ("source.account_url", "ftp://host.example"),
        ("source.account_url", "host.example"),
        ("source.credential.value", "sv=2026"),
        ("source.credential.value", "env:"),
        ("source.credential.value", "env:A-B"),
        ("source.credential.value", "env:$(id)"),
        ("source.credential.value", "ENV:A"),
        ("source.credential.value", "file:"),
        ("source.credential.value", "file:~/key"),
        ("target.provider", "Scaleway"),
        ("target.region", ""),
        ("target.endpoint", "http://127.0.0.1:5000/bucket"),
        ("target.credential.session_token", "abc"),
        ("target.attestation", "~/a.yaml"),
        ("seal.suffix", "c4gh"),
        ("seal.suffix", "./../a"),
        ("seal.recipients.0", "file:keys/steward.pub"),
        ("seal.recipients.0", " "),
        ("seal.identity", "keys/steward.sec"),
        ("seal", {"format": "none"}),
        ("seal", {"format": "none", "reason": " "}),
        ("seal", {"format": "none", "reason": "a" * 501}),
        ("seal", {"format": "none", "reason": "a", "recipients": ["a", "b"]}),
        ("datasets", []),
        ("datasets.0.source.container", "ab"),
        ("datasets.0.source.container", "a" * 64),
        ("datasets.0.source.container", "a--b"),
        ("datasets.0.source.container", "a.b"),
        ("datasets.0.source.container", "-abc"),
        ("datasets.0.source.container", "Abc"),
        ("datasets.0.source.prefix", "é" * 513),
        ("datasets.0.target.bucket", "ab"),
        ("datasets.0.target.bucket", "a" * 64),
        ("datasets.0.target.bucket", "a..b"),
        ("datasets.0.target.bucket", "a_b"),
        ("datasets.0.target.bucket", ".abc"),
        ("datasets.0.target.bucket", "192.168.1.1"),
        ("datasets.0.include", ["/a"]),
        ("datasets.0.include", [""]),
        ("datasets.0.exclude", [{"glob": "a"}]),
        ("datasets.0.exclude", ["a"]),
        ("datasets.0.allow_empty", 1),
        ("datasets.0.collisions", "drop"),
        ("batches", []),
        ("batches.0.datasets", []),
        ("verify.level", "none"),
        ("engine.kind", "ray"),
        ("engine.processes", 0),
        ("engine.processes", True),
        ("engine.processes", 1.0),
        ("engine.processes", "4"),
        ("engine.connections", 0),
        ("engine.connections", True),
        ("limits.bandwidth", "800MiB"),
        ("limits.bandwidth", "0MiB/s"),
        ("limits.bandwidth", "800 MiB/s"),
        ("limits.bandwidth", "٨MiB/s"),
        ("limits.retry_budget", "0s"),
        ("limits.retry_budget", "25h"),
        ("limits.retry_budget", "10"),
        ("limits.memory", "15MiB"),
        ("limits.memory", "65GiB"),
        ("report.languages", ["fr", "fr"]),
        ("report.tsa", "https://tsa.example"),
        ("report.tsa.url", "https://user:word@tsa.example"),
        ("report.tsa.url", "https://tsa.example/?token=1"),
        ("report.tsa.url", "ftp://tsa.example"),
        ("report.tsa.trust", "file:tsa.pem"),
        ("report.tsa.trust", ""),
        ("report.signer", None),
    ],
)
def test_a_value_outside_its_rule_is_refused_where_it_stands(
    tmp_path: Path, path: str, bad: object
) -> None:
    told = _told(tmp_path, _set(path, bad))

    place = re.sub(r"\.([0-9]+)", r"[\1]", path)
    assert told[0].startswith(place) or place.startswith("batches")
    assert any(line.startswith(place) for line in told)


def test_a_folder_source_takes_paths_and_an_azure_source_takes_containers(tmp_path: Path) -> None:
    plan = _set("source", {"kind": "folder"})
    plan["datasets"][1]["source"] = {"path": "data/scans"}

    assert _told(tmp_path, plan) == [
        "datasets[0].source.container: the source's kind is folder: give `path`, not `container`"
    ]
    plan["datasets"][0]["source"] = {"path": "data/pmsi"}
    assert loaded(tmp_path, as_yaml(plan)).plan.datasets[0].source.place == Place(
        bucket="data/pmsi"
    )


def test_a_folder_source_has_no_credential(tmp_path: Path) -> None:
    plan = _set("source", {"kind": "folder", "credential": {"kind": "azure-identity"}})

    assert "source: unknown field; known here: kind" in _told(tmp_path, plan)


def test_one_recipient_needs_a_reason_and_the_same_file_twice_is_one(tmp_path: Path) -> None:
    plan = _set("seal.recipients", ["keys/a.pub", "keys/../keys/a.pub"])

    assert len(_told(tmp_path, plan)) == 2
    plan["seal"]["recipients"] = ["keys/a.pub"]
    plan["seal"]["single_recipient_reason"] = "the escrow key is made next week"
    loaded(tmp_path, as_yaml(plan))


def test_two_datasets_never_share_bucket_and_prefix(tmp_path: Path) -> None:
    plan = _set("datasets.1.target.prefix", "pmsi/")

    (told,) = _told(tmp_path, plan)
    assert told.startswith("datasets[1].target: the same bucket and prefix as datasets[0]")
    plan["datasets"][1]["target"]["bucket"] = "another"
    loaded(tmp_path, as_yaml(plan))


def test_keeping_collisions_needs_a_reason(tmp_path: Path) -> None:
    plan = _set("datasets.0.collisions_reason", None)

    assert _told(tmp_path, plan) == [
        "datasets[0].collisions_reason: missing: `collisions: keep` needs it"
    ]


def test_names_are_unique(tmp_path: Path) -> None:
    plan = _set("datasets.1.name", "pmsi")
    plan["batches"][1] = {"name": "pilot", "datasets": ["pmsi"]}

    assert _told(tmp_path, plan) == [
        "datasets[1].name: the same name as datasets[0]",
        "batches[1].name: the same name as batches[0]",
        "batches[1].datasets[0]: this dataset is already in batches[0]: it belongs to one batch",
    ]


def test_a_dataset_is_listed_once_in_its_batch(tmp_path: Path) -> None:
    plan = _set("batches.0.datasets", ["pmsi", "pmsi"])

    assert _told(tmp_path, plan) == [
        "batches[0].datasets[1]: the same dataset as batches[0].datasets[0]"
    ]


def test_without_batches_one_named_all_holds_every_dataset(tmp_path: Path) -> None:
    plan = value()
    del plan["batches"]

    result = loaded(tmp_path, as_yaml(plan))

    assert result.plan.batches == (Batch(name="all", datasets=("pmsi", "scans")),)
    assert Plan.model_validate_json(result.canonical) == result.plan


def test_a_generic_target_has_a_default_region(tmp_path: Path) -> None:
    plan = _set("target.provider", "generic")
    del plan["target"]["region"]

    assert loaded(tmp_path, as_yaml(plan)).plan.target.region == "us-east-1"


def test_sizes_rates_and_durations_are_also_numbers(tmp_path: Path) -> None:
    plan = loaded(tmp_path, as_yaml(value())).plan
    limits = plan.limits

    assert [one.rates for one in plan.rates(Role.MOVE)] == [(800 << 20,)]
    assert limits.retry_budget_seconds == 600
    assert limits.memory_bytes == 1 << 30


def test_a_plan_finds_its_datasets_by_name(tmp_path: Path) -> None:
    plan = loaded(tmp_path, as_yaml(value())).plan

    assert plan.dataset("scans").target.place == Place(bucket="hds-emc2", prefix="scans/")
    with pytest.raises(KeyError):
        plan.dataset("none")


def test_a_plan_cannot_be_changed(tmp_path: Path) -> None:
    plan = loaded(tmp_path, as_yaml(value())).plan

    with pytest.raises(ValidationError):
        plan.migration = "other"  # type: ignore[misc]


def test_no_plan_exists_that_breaks_a_rule_across_fields() -> None:
    with pytest.raises(ValidationError, match="no batch has this name"):
        Plan.model_validate_json(as_yaml(_set("batches.1.needs", ["none"])))


def _batches(folder: Path, needs: dict[str, list[str]]) -> list[str]:
    plan = value()
    plan["datasets"] = [
        {"name": f"d{name}", "source": {"container": "abc"}, "target": {"bucket": f"bucket{name}"}}
        for name in needs
    ]
    plan["batches"] = [
        {"name": name, "datasets": [f"d{name}"], "needs": wanted} for name, wanted in needs.items()
    ]
    return [batch.name for batch in loaded(folder, as_yaml(plan)).plan.ordered_batches()]


def test_batches_keep_the_plan_s_order_as_far_as_their_needs_allow(tmp_path: Path) -> None:
    assert _batches(tmp_path, {"c": [], "b": ["c"], "a": []}) == ["c", "b", "a"]
    assert _batches(tmp_path, {"c": ["a"], "b": [], "a": []}) == ["b", "a", "c"]


@pytest.mark.slow
@given(data=st.data())
def test_every_batch_comes_after_its_needs(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    order = data.draw(st.permutations("abcdef"))
    needs = {name: data.draw(st.sets(st.sampled_from("abcdef"))) for name in "abcdef"}
    acyclic = {
        name: sorted(n for n in wanted if order.index(n) < order.index(name))
        for name, wanted in needs.items()
    }

    result = _batches(tmp_path_factory.getbasetemp(), acyclic)

    assert sorted(result) == list("abcdef")
    assert all(result.index(n) < result.index(b) for b, wanted in acyclic.items() for n in wanted)
