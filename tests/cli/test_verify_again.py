"""What `verify` takes with --again, and refuses before anything is opened."""

from __future__ import annotations

import os

import pytest

from hdh_migrate.errors import Exit
from tests.support.inside import inside as started


@pytest.mark.parametrize(
    "options",
    [
        ("--sample", "5"),
        ("--restore", "all"),
        ("--show-names",),
        ("--afresh",),
        ("--again", "--sample", "0"),
        ("--again", "--sample", "0%"),
        ("--again", "--sample", "101%"),
        ("--again", "--older-than", "yesterday"),
        ("--again", "--reason", "none"),
        ("--again", "--accept", "3"),
        ("--again", "--accept", "3", "--reason", " "),
        ("--again", "--restore", "3", "--accept", "4", "--reason", "both"),
        ("--again", "--restore", "3", "--sample", "5"),
        ("--again", "--restore", "all", "--afresh"),
        ("--again", "--restore", "b/DUPONT.dcm"),
        ("--again", "--restore", "0"),
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_refused(options: tuple[str, ...]) -> None:
    done = started("verify", "no-such-plan.yaml", *options, env=os.environ)
    assert done.returncode == Exit.USAGE, done.stderr
    assert done.stderr.startswith("error: ")
    assert "DUPONT" not in done.stderr


@pytest.mark.parametrize("option", ["--restore", "--level", "--afresh", "--show-names"])
def test_an_option_of_a_look_is_named_where_no_look_was_asked_for(option: str) -> None:
    value = {"--restore": ("all",), "--level": ("head",)}.get(option, ())
    done = started("verify", "no-such-plan.yaml", option, *value, env=os.environ)
    assert done.returncode == Exit.USAGE
    assert f"error: {option} goes with --again" in done.stderr
