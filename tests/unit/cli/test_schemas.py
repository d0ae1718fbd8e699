"""The schemas of what verbs print: generated, complete, closed, and read from the tool itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hdh_migrate.cli import reference
from hdh_migrate.cli.app import main
from hdh_migrate.cli.command import Task
from hdh_migrate.errors import Exit, Refused
from tests.support.every import every
from tests.support.schemas import SCHEMAS, called, hold, validator

NAMES = sorted(path.stem for path in SCHEMAS.glob("*.json"))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    out = capsys.readouterr().out
    code = int(end.value.code or 0)
    hold(arguments, code, out)
    return code, json.loads(out)


def objects(value: Any) -> list[dict[str, Any]]:
    """Give every object of a schema that has keys of its own."""
    if isinstance(value, list):
        return [one for item in value for one in objects(item)]
    if not isinstance(value, dict):
        return []
    inner = [one for item in value.values() for one in objects(item)]
    return [value, *inner] if isinstance(value.get("properties"), dict) else inner


@pytest.mark.slow
def test_the_published_schemas_are_those_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(SCHEMAS.parents[2])
    assert reference.main(["--check"]) == 0
    monkeypatch.chdir(tmp_path)
    assert reference.main([]) == 0
    (reference.FOLDER / "run.json").write_text("{}")
    (reference.FOLDER / "gone.json").write_text("{}")
    assert reference.main(["--check"]) == 1
    told = [line.split(" is stale")[0] for line in capsys.readouterr().err.splitlines()]
    assert told == [str(reference.FOLDER / name) for name in ("gone.json", "run.json")]
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


def test_every_verb_has_one() -> None:
    assert sorted(map(reference.named, reference.leaves())) == NAMES
    assert [called(names) for names in reference.leaves()] == list(reference.leaves())


@pytest.mark.slow
def test_each_is_a_schema() -> None:
    parts = dict[str, object]()  # by their text: most are parts of many
    for name in NAMES:
        schema = dict(validator(name).schema)
        found = [*schema.pop("$defs").values(), schema]
        parts |= {json.dumps(part, sort_keys=True): part for part in found}
    for part in parts.values():
        Draft202012Validator.check_schema(part)


@every("name", NAMES)
def test_each_refuses_what_it_does_not_name(name: str) -> None:
    schema = validator(name).schema
    for found in objects(schema):
        assert found["additionalProperties"] is False, found
    assert not validator(name).is_valid({})
    assert not validator(name).is_valid({"error": {"kind": "Refused"}})
    for text in schema["$defs"].values():
        assert text["description"]


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(AssertionError, match="hold --json"):
        hold(("hold", "plan.yaml", "--json"), 0, json.dumps({"held": None, "holder": "me"}))


def test_an_error_is_a_document_of_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> Exit:
        raise Refused("no", blockers=["that"], hint="mend it")

    with pytest.raises(SystemExit):
        Task(as_json=True).run(body)
    out = capsys.readouterr().out
    for name in NAMES:
        assert validator(name).is_valid(json.loads(out))


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--json", "--frob", "plan.yaml"),
        ("run", "--json"),
        ("cutover", "start", "plan.yaml", "--json"),
        ("cutover", "begin", "plan.yaml", "--json"),
        ("frob", "--json"),
        ("run", "plan.yaml", "--until", "noon", "--json"),
    ],
)
def test_wrong_arguments_are_one_document_too(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, told = printed(capsys, *arguments)
    assert code == told["error"]["exit"] == Exit.USAGE
    assert set(told["error"]) == {"kind", "message", "hint", "exit"}
    assert told["error"]["kind"] == "UsageError"


def test_wrong_arguments_print_nothing_for_people_to_pipe_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", "--frob"])
    told = capsys.readouterr()
    assert (end.value.code, told.out) == (Exit.USAGE, "")
    assert "error: no such option: --frob\n" in told.err


@pytest.mark.slow
def test_what_the_offline_verbs_print_is_as_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHRASE", "k7Qm-vT2x-9LpR-wz4H")
    assert len(printed(capsys, "init", "new", "--json")[1]["made"]) == 8
    monkeypatch.chdir(tmp_path / "new")
    assert printed(capsys, "validate", "plan.yaml", "--json")[1]["valid"] is True
    assert printed(capsys, "hold", "plan.yaml", "--json")[1]["held"].startswith("by ")
    assert printed(capsys, "hold", "plan.yaml", "--release", "--json")[1]["held"] is None
    assert printed(capsys, "status", "plan.yaml", "--json")[0] == Exit.USAGE

    made = ("keys", "new", "dpo", "--purpose", "report", "--json")
    assert printed(capsys, *made)[1]["made"] == ["keys/dpo.key", "keys/dpo.pub"]
    locked = ("keys", "relock", "keys/dpo.key", "--new-passphrase-from", "env:PHRASE", "--json")
    assert printed(capsys, *locked)[1] == {"relocked": "keys/dpo.key"}
    for name in ("steward.sec", "steward.pub", "dpo.pub"):
        assert printed(capsys, "keys", "show", f"keys/{name}", "--json")[1]["fingerprint"]

    assert printed(capsys, "audit", "verifier", "--out", "v", "--json")[1]["folder"] == "v"
    names = [one["name"] for one in printed(capsys, "providers", "list", "--json")[1]["providers"]]
    for name in names:
        assert printed(capsys, "providers", "show", name, "--json")[1]["name"] == name

    plan = tmp_path / "new" / "plan.yaml"
    plan.write_text(plan.read_text().replace("version: 1", "version: 2"))
    code, told = printed(capsys, "validate", "plan.yaml", "--json")
    assert (code, told["valid"]) == (Exit.REFUSED, False)
