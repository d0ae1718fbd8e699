"""The two verifiers agree on a source that was read over SFTP: its address, and what SSH told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import (
    DIRECTORY,
    Change,
    World,
    body,
    both,
    judged,
    line,
    planned,
    put,
    refused,
    world,
)

pytestmark = pytest.mark.slow

SECURED = "TLSv1.3 TLS_AES_256_GCM_SHA384 sha256:" + "ab" * 32


def over(url: str, contacted: str | None = None) -> Change:
    """Let the source be read over SFTP, where no directory is told apart."""

    def edit(made: World) -> None:
        planned("source", kind="azure-sftp", account_url=url)(made)
        put("endpoints", 0, kind="azure-sftp", url=url)(made)
        for kind, _, what in made["journal.jsonl"]:
            for entry in what["traffic"] if kind == "run-ended" else ():
                entry["endpoint"] = (
                    contacted or url if entry["side"] == "source" else entry["endpoint"]
                )
        plan = made["predicate"]["plan"]["canonical"]
        plan["datasets"][0]["exclude"].append({"glob": "dir", "reason": "x"})
        line(2, "exclusions.jsonl", rule="exclude dir", reason="x")(made)

    return edit


def traffic_of(number: int = 0, **values: Any) -> Change:
    return lambda made: body(made, "run-ended")["traffic"][number].update(values)


def test_sources_over_sftp_are_judged_alike(desk: Desk) -> None:
    url = "sftp://a.example"
    good: dict[str, Change] = {
        "over SFTP": over(url),
        "of somebody": over("sftp://u@a.example/x", "sftp://u@a.example"),
        "at a port": over("sftp://a.example:2222"),
        "told what SSH agreed on": both(over(url), traffic_of(ssh=["a b c d e", "a b c d e"])),
        "told nothing of SSH": both(over(url), traffic_of(ssh=[])),
        "beside another source": traffic_of(ssh=["a b c d e"]),
    }
    assert judged(desk, world(), good) == [*good]
    directory = line(2, "exclusions.jsonl", rule="directory", reason=DIRECTORY)
    bad: dict[str, tuple[Change, str]] = {
        "no host": (over("sftp:a.example"), "endpoints"),
        "another port": (
            over("sftp://a.example:2222", "sftp://a.example"), "traffic with another one"
        ),
        "a directory": (both(over(url), directory), "a source without directories"),
        "a certificate": (both(over(url), traffic_of(tls=[SECURED])), "tls without https"),
    }  # fmt: skip
    refused(desk, world(), bad)
