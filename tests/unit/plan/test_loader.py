"""What `load` returns, and that it tells every problem at its exact place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, PlanInvalid
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.plan.loader import MAX_PROBLEMS, load
from hdh_migrate.plan.model import Plan
from tests.unit.plan.builders import GOOD, changed, loaded, problems


def test_a_good_plan_loads_with_its_defaults_and_its_folder(tmp_path: Path) -> None:
    result = loaded(tmp_path, GOOD)

    assert result.base == tmp_path.resolve()
    assert result.path == tmp_path / "x.yaml"
    assert result.plan.migration == "emc2-exit"
    assert result.plan.limits.memory == "128MiB"
    assert result.plan.seal.suffix == ".c4gh"
    assert result.plan.datasets[0].collisions == "refuse"


def test_the_digest_is_the_sha256_of_the_canonical_json(tmp_path: Path) -> None:
    result = loaded(tmp_path, GOOD)

    assert result.canonical == canonical_json(result.plan.model_dump(mode="json"))
    assert result.digest == sha256_hex(result.canonical)


def test_comments_layout_and_spelled_out_defaults_do_not_change_the_digest(tmp_path: Path) -> None:
    plain = loaded(tmp_path, GOOD)
    other = "# hello\n" + GOOD.replace("{level: full}", "\n  level: 'full'   # all of it")

    assert loaded(tmp_path, other + "\n# bye\n").digest == plain.digest


def test_one_changed_value_changes_the_digest(tmp_path: Path) -> None:
    assert (
        loaded(tmp_path, GOOD).digest
        != loaded(tmp_path, changed("connections: 16", "connections: 17")).digest
    )


def test_the_canonical_plan_is_itself_a_valid_plan(tmp_path: Path) -> None:
    result = loaded(tmp_path, GOOD)

    assert Plan.model_validate_json(result.canonical) == result.plan
    assert loaded(tmp_path, result.canonical).digest == result.digest


def test_windows_line_ends_and_an_explicit_document_start_are_fine(tmp_path: Path) -> None:
    plain = loaded(tmp_path, GOOD)

    assert loaded(tmp_path, ("---\n" + GOOD + "...\n").replace("\n", "\r\n")).digest == plain.digest


def test_a_plan_loads_through_a_symlink_and_its_folder_is_that_of_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "plan.yaml").write_text(GOOD)
    (tmp_path / "link.yaml").symlink_to("real/plan.yaml")

    assert load(tmp_path / "link.yaml").base == tmp_path.resolve()


def test_the_file_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text(changed("bucket: hds-emc2, prefix: pmsi/", "bucket: X, prefix: a/"))

    with pytest.raises(PlanInvalid) as refused:
        load(Path("p.yaml"))

    assert refused.value.problems[0].startswith(
        "p.yaml:18:22: datasets[0].target.bucket: bucket names are 3 to 63 "
    )
    assert refused.value.exit_code is Exit.REFUSED
    assert refused.value.hint


# --- places ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("version: 1\n", "", "1:1: version: missing"),
        ("version: 1\n", "version: 2\n", "1:10: version: must be 1"),
        ("version: 1\n", "version: true\n", "1:10: version: must be 1"),
        ("version: 1\n", "version: 1.0\n", "1:10: version: must be 1"),
        ("version: 1\n", "version: '1'\n", "1:10: version: must be 1"),
        ("migration: emc2-exit", "migration: 2026", "2:12: migration: must be text: put it in quotes"),
        ("migration: emc2-exit", "migration:", "2:11: migration: must be text, and is empty"),
        ("migration: emc2-exit", "migration: [a]", "2:12: migration: must be text"),
        ("kind: azure-blob", "kind: ftp", "4:9: source.kind: must be one of: azure-blob, folder"),
        (
            "kind: azure-blob",
            "kind: azure-sftp",
            "4:9: source.kind: kind azure-sftp is not available in this version: use azure-blob"
            " or folder",
        ),
        ("  kind: azure-blob\n", "", "4:3: source.kind: missing"),
        (
            "  kind: azure-blob\n  account_url",
            "  kind: azure-blob\n  acount_url",
            "4:3: source.account_url: missing",
        ),
        ("kind: sas", "kind: sass", "6:22: source.credential.kind: must be one of: sas, shared-key, azure-identity"),
        (
            "kind: access-key",
            "kind: key",
            "10:22: target.credential.kind: must be access-key",
        ),
        ("  region: fr-par\n", "", "8:3: target.region: missing: a named provider needs its region"),
        (
            "provider: scaleway",
            "provider: generic",
            "8:3: target.endpoint: missing: provider generic needs an endpoint",
        ),
        (
            "region: fr-par",
            "region: fr-par\n  endpoint: https://s3.example.org",
            "10:13: target.endpoint: a named provider has its own endpoint: leave this out, or use"
            " provider generic",
        ),
        (
            "[keys/steward.pub, keys/escrow.pub]",
            "[keys/steward.pub]",
            "13:15: seal.recipients: needs two different recipients, so that one lost key loses no"
            " data; or say why not in single_recipient_reason",
        ),
        (
            "  - name: pmsi\n    source",
            "  - nmae: pmsi\n    source",
            "16:5: datasets[0]: unknown field; did you mean `name`?",
        ),
        ("datasets:\n", "datsets:\n", "15:1: unknown field; did you mean `datasets`?"),
        (
            "verify: {level: full}",
            "verify: {zzz: 1}",
            "26:10: verify: unknown field; known here: level, credential",
        ),
        (
            "source: {container: emc2, prefix: pmsi/}",
            "source: {}",
            "17:13: datasets[0].source: must be a mapping with `container` (source kind"
            " azure-blob) or `path` (folder)",
        ),
        (
            "source: {container: emc2, prefix: pmsi/}",
            "source: {path: data}",
            "17:20: datasets[0].source.path: the source's kind is azure-blob: give `container`,"
            " not `path`",
        ),
        ("datasets: [scans]", "datasets: [scan]", "25:32: batches[1].datasets[0]: no dataset has this name"),
        (
            "datasets: [scans]",
            "datasets: [pmsi]",
            "20:11: datasets[1].name: this dataset is in no batch: add it to one",
        ),
        ("needs: [pilot]", "needs: [pilots]", "25:48: batches[1].needs[0]: no batch has this name"),
        ("processes: auto", "processes: 65", "27:34: engine.processes: must be auto or a whole number from 1 to 64"),
        ("connections: 16", "connections: 257", "27:53: engine.connections: must be at most 256"),
        ("connections: 16", "connections: 1.5", "27:53: engine.connections: must be a whole number"),
        ("{kind: local, processes: auto, connections: 16}", "[]", "27:9: engine: must be a mapping (lines of `field: value`)"),
        (
            "languages: [fr, en]",
            "languages: [fr, de]",
            "29:58: report.languages[1]: must be one of: fr, en",
        ),
        ("languages: [fr, en]", "languages: fr", "29:53: report.languages: must be a list"),
        ("languages: [fr, en]", "languages: []", "29:53: report.languages: must have at least one entry"),
        ("{level: full}", "{level: full", "27:7: a bracket is not closed, or a comma is missing"),
        ("version: 1\n", "version: 1\nversion: 1\n", "2:1: the same key again; first on line 1"),
        ("connections: 16", "connections: 016", "27:53: a number with a leading zero is ambiguous: drop the zero, or quote"),
        ("connections: 16", f"connections: {'9' * 30}", "27:53: this number is too large"),
        ("{level: full}", "!x {level: full}", "26:9: tags (`!`) are not allowed; a text that begins with `!` needs quotes"),
        ("{level: full}", "&x {level: full}", "26:9: anchors (`&`) are not allowed; a text that begins with `&` needs quotes"),
        ("{level: full}", "*x", "26:9: aliases (`*`) are not allowed; a text that begins with `*` needs quotes"),
        ("{level: full}", "{<<: {level: full}}", "26:10: merge keys (`<<`) are not allowed"),
        ("{level: full}", "{? [level] : full}", "26:12: a key must be plain text"),
        ('glob: "**/_temporary/**"', "glob: **/_temporary/**", "19:23: a text that begins with `*` or `&` needs quotes"),
        ('glob: "**/_temporary/**"', 'glob: "/a"', "19:22: datasets[0].exclude[0].glob: a glob is not empty and does not begin with `/`: keys have no leading slash"),
        ("  kind: azure-blob", "\tkind: azure-blob", "4:1: a tab: indent with spaces"),
        ("migration: emc2-exit", "migration: a: b", "2:13: a second `: ` on one line: put the text in quotes, or break the line"),
        ("migration: emc2-exit", "migration: é\u202e", "2:13: character U+202E is not allowed"),
        ("migration: emc2-exit", 'migration: "a\\0"', "2:12: character U+0000 is not allowed"),
    ],
)  # fmt: skip
def test_a_problem_is_told_at_its_line_and_column(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert problem in problems(tmp_path, changed(old, new))


def test_all_problems_are_told_at_once_and_in_order(tmp_path: Path) -> None:
    text = (
        GOOD.replace("version: 1", "version: 2")
        .replace("bucket: hds-emc2, prefix: pmsi/", "bucket: X, prefix: pmsi/")
        .replace("needs: [pilot]", "needs: [nobody]")
        .replace("connections: 16", "connections: 0, connections: 1")
        .replace("level: full", "level: *some")
    )

    assert problems(tmp_path, text) == [
        "1:10: version: must be 1",
        "18:22: datasets[0].target.bucket: bucket names are 3 to 63 lower-case letters, digits,"
        " hyphens or dots, begin and end with a letter or digit, and are no IP address",
        "25:48: batches[1].needs[0]: no batch has this name",
        "26:17: aliases (`*`) are not allowed; a text that begins with `*` needs quotes",
        "27:53: engine.connections: must be at least 1",
        "27:56: the same key again; first on line 27",
    ]


def test_a_circle_of_batches_is_told_once_and_without_names(tmp_path: Path) -> None:
    text = changed(
        "{name: pilot, datasets: [pmsi]}", "{name: pilot, datasets: [pmsi], needs: [imaging]}"
    )

    assert problems(tmp_path, text) == [
        "24:44: batches[0].needs: batches need each other: batches[0] needs batches[1] needs"
        " batches[0]"
    ]


def test_every_circle_of_batches_is_told(tmp_path: Path) -> None:
    text = (
        "{datasets: [{name: a}, {name: b}, {name: c}], batches: ["
        "{name: a, datasets: [a], needs: [a]}, {name: b, datasets: [b], needs: [c]},"
        "{name: c, datasets: [c], needs: [b, a]}]}"
    )

    told = [line.split(": ", 1)[1] for line in problems(tmp_path, text) if "each other" in line]

    assert told == [
        "batches[0].needs: batches need each other: batches[0] needs batches[0]",
        "batches[1].needs: batches need each other: batches[1] needs batches[2] needs batches[1]",
    ]


def test_problems_without_end_are_cut_short(tmp_path: Path) -> None:
    told = problems(tmp_path, GOOD + "".join(f"k{n}: 1\n" for n in range(200)))

    assert len(told) == MAX_PROBLEMS + 1
    assert told[0].startswith("30:1: unknown field")
    assert told[-1] == "80:1: and more from here on: mend these first"


def test_words_of_yaml_1_1_are_text(tmp_path: Path) -> None:
    for word in ("no", "off", "yes", "on", "y", "2026-11-23", "1:30", "0x1F", "0o17", "1_000"):
        told = problems(tmp_path, changed("verify:", f"extra: {word}\nverify:") + "engine2: 1\n")
        assert len(told) == 2, word
        result = loaded(tmp_path, changed('reason: "Spark scratch"', f"reason: {word}"))
        assert result.plan.datasets[0].exclude[0].reason == word


def test_yes_is_no_truth_value(tmp_path: Path) -> None:
    text = changed("  - name: scans\n", "  - name: scans\n    allow_empty: yes\n")

    assert problems(tmp_path, text) == ["21:18: datasets[1].allow_empty: must be true or false"]


# --- files that are no plans -----------------------------------------------------------------


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid, match="none.yaml:1:1: there is no such file"):
        load(tmp_path / "none.yaml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        PlanInvalid, match=":1:1: is a directory or a device: give the path of a plan"
    ):
        load(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(PlanInvalid, match="is a directory or a device"):
        load(tmp_path / "pipe")


def test_an_endless_device_is_refused() -> None:
    with pytest.raises(PlanInvalid, match="is a directory or a device"):
        load(Path("/dev/zero"))


def test_a_path_that_no_system_can_open_is_refused() -> None:
    with pytest.raises(PlanInvalid, match="the file cannot be read"):
        load(Path("a\0b"))


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.yaml").write_text(GOOD)

    def denied(*_: object) -> int:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(os, "open", denied)  # the tests may run as root, whom no mode stops

    with pytest.raises(PlanInvalid, match=":1:1: no right to read the file"):
        load(tmp_path / "x.yaml")


def test_a_file_of_exactly_the_cap_is_read_and_one_more_byte_is_not(tmp_path: Path) -> None:
    room = (1 << 20) - len(GOOD.encode()) - 2

    assert loaded(tmp_path, GOOD + "# " + "a" * room).digest == loaded(tmp_path, GOOD).digest
    assert problems(tmp_path, GOOD + "# " + "a" * (room + 1)) == ["1:1: a plan is at most 1 MiB"]


def test_a_name_with_control_characters_cannot_forge_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a\n\x1b[2Kb.yaml"
    path.write_text("[]")

    with pytest.raises(PlanInvalid) as refused:
        load(path)

    assert str(refused.value).isprintable()
