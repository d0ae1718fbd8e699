"""What `load` returns, and that it tells every problem at its exact place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from hdh_migrate.errors import Exit, PlanInvalid
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.plan.loader import MAX_PROBLEMS, load
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import SOURCES, kind_of
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

    # Without what is not set: a later version's new field must not void a migration under way.
    stated = result.plan.model_dump(mode="json", exclude_none=True)
    assert result.canonical == canonical_json(stated)
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


BUCKET_RULE = (
    "bucket names are 3 to 63 lower-case letters, digits, hyphens or dots, begin and end with a"
    " letter or digit, and are no IP address"
)
LOCATED = yaml.safe_load(Path(__file__).with_name("located.yaml").read_text())


@pytest.mark.parametrize("case", LOCATED, ids=lambda case: case["told"].split(": ")[0])
def test_a_problem_is_told_at_its_line_and_column(tmp_path: Path, case: dict[str, str]) -> None:
    told = case["told"].replace("{kinds}", ", ".join(str(kind_of(one)) for one in SOURCES))
    assert told in problems(tmp_path, changed(case["was"], case["now"]))


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
        "18:22: datasets[0].target.bucket: " + BUCKET_RULE,
        "25:48: batches[1].needs[0]: no batch has this name",
        "26:17: aliases (`*`) are not allowed; a text that begins with `*` needs quotes",
        "27:53: engine.connections: must be at least 1",
        "27:56: the same key again; first on line 27",
    ]


def test_a_list_of_wrong_entries_is_not_called_empty(tmp_path: Path) -> None:
    text = changed("languages: [fr, en]", "languages: [de]")

    assert problems(tmp_path, text) == ["29:54: report.languages[0]: must be one of: fr, en"]


def test_a_circle_of_batches_is_told_once_and_without_names(tmp_path: Path) -> None:
    text = changed(
        "{name: pilot, datasets: [pmsi]}", "{name: pilot, datasets: [pmsi], needs: [imaging]}"
    )

    (told,) = problems(tmp_path, text)

    place, circle = told.split(": batches need each other: ")
    assert place == "24:44: batches[0].needs"
    assert circle == "batches[0] needs batches[1] needs batches[0]"


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
    with pytest.raises(PlanInvalid, match=r"none\.yaml:1:1: there is no such file"):
        load(tmp_path / "none.yaml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        PlanInvalid, match=":1:1: is a directory or a device: give the path of a plan"
    ):
        load(tmp_path)


def test_a_folder_with_a_plan_says_which_file_it_is(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(GOOD)

    with pytest.raises(PlanInvalid, match=":1:1: is a folder: give the path of the plan in it"):
        load(tmp_path)


def test_names_that_nobody_has_are_compared_with_few_others(tmp_path: Path) -> None:
    """So that a hostile plan costs no more than any other."""
    wrong = ", ".join(f"pilo{n}" for n in range(100))
    text = GOOD.replace("needs: [pilot]", f"needs: [{wrong}]")

    found = problems(tmp_path, text)

    assert 0 < sum("did you mean that of batches[0]?" in line for line in found) <= 20


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
