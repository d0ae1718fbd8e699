"""What is shipped beside the code: examples, template, schema and reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.errors import UsageError
from hdh_migrate.plan import reference
from hdh_migrate.plan.loader import load
from hdh_migrate.plan.template import TEMPLATE, render
from tests.unit.plan.builders import loaded

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "plans").glob("*.yaml"))


def test_the_examples_are_those_of_the_readme() -> None:
    assert {path.stem for path in EXAMPLES} >= {
        "demo",
        "folder-to-s3",
        "azure-to-scaleway",
        "azure-to-outscale",
        "azure-to-ovhcloud",
        "two-batches",
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads_and_explains_itself(path: Path) -> None:
    plan = load(path).plan

    text = path.read_text()
    assert plan.seal.format == "crypt4gh"
    assert text.count("#") >= 6
    assert max(map(len, text.splitlines())) <= 100


def test_the_second_batch_of_the_example_waits_for_the_first() -> None:
    batches = load(ROOT / "plans/two-batches.yaml").plan.ordered_batches()

    assert [batch.name for batch in batches] == ["pilot", "stays"]
    assert batches[1].needs == ("pilot",)


def test_migrations_of_the_examples_have_names_of_their_own() -> None:
    names = [load(path).plan.migration for path in EXAMPLES]

    assert len(set(names) - {"emc2-exit"}) == len(names) - 1


def test_the_template_is_a_valid_plan(tmp_path: Path) -> None:
    plan = loaded(tmp_path, TEMPLATE).plan

    assert plan.migration == "my-migration"
    assert plan.target.attestation is None
    assert len(TEMPLATE.splitlines()) <= 60
    assert max(map(len, TEMPLATE.splitlines())) <= 100


@pytest.mark.parametrize("name", ["emc2", "2026", "1e5", "null", "true", "-", "a" * 40])
def test_the_template_takes_any_name_that_a_migration_may_have(name: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, render(name)).plan.migration == name


@pytest.mark.parametrize("name", ["", "A", 'a"\nversion: 2', "a" * 41])
def test_the_template_takes_no_other_name(name: str) -> None:
    with pytest.raises(UsageError):
        render(name)


# --- generated files -------------------------------------------------------------------------


@pytest.mark.slow
def test_the_generated_files_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert reference.main(["--check"]) == 0


@pytest.mark.slow
def test_a_stale_or_missing_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / reference.OPERATIONS).write_bytes((ROOT / reference.OPERATIONS).read_bytes())
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    reference.SCHEMA.write_text("{}")
    reference.REFERENCE.unlink()

    assert reference.main(["--check"]) == 1

    told = capsys.readouterr().err.splitlines()
    assert [line.split(" is stale")[0] for line in told] == [
        "plans/schema.json",
        "docs/plan-reference.md",
    ]
    assert reference.SCHEMA.read_text() == "{}"


@pytest.mark.slow
def test_a_stale_table_of_findings_is_named_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    page, whole = tmp_path / reference.OPERATIONS, (ROOT / reference.OPERATIONS).read_text()
    page.write_text(whole.replace("`leased`", "`hired`"))
    assert reference.main([]) == 0
    assert page.read_text() == whole
    page.write_text(whole.replace("`leased`", "`hired`"))

    assert reference.main(["--check"]) == 1

    assert capsys.readouterr().err.startswith("docs/operations.md is stale")
    assert "`hired`" in page.read_text()
    page.write_text(whole.replace(reference.END, ""))
    with pytest.raises(ValueError, match="must hold the lines"):
        reference.main(["--check"])


@pytest.mark.slow
def test_every_field_is_described_in_both() -> None:
    schema, text = reference.schema(), reference.reference()

    for section in [schema, *schema["$defs"].values()]:
        assert section["description"]
        assert section["additionalProperties"] is False
        for field in section["properties"]:
            assert f"| `{field}` |" in text


def _refers(schema: dict[str, Any], node: Any) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return found


def test_the_schema_knows_every_field_of_every_example() -> None:
    schema = reference.schema()
    for path in EXAMPLES:
        plan = yaml.safe_load(path.read_text())
        assert set(plan) <= set(schema["properties"])
        assert set(schema["required"]) <= set(plan)
        dataset = _refers(schema, schema["properties"]["datasets"]["items"])
        assert all(set(entry) <= set(dataset["properties"]) for entry in plan["datasets"])
    assert json.loads((ROOT / "plans/schema.json").read_text()) == schema
