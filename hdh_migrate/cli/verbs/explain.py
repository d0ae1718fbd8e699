"""`explain`: which rule decides about one object, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import ASKING, Key, Plan, key_given
from hdh_migrate.errors import Exit
from hdh_migrate.results.objects import Becomes, Explained, ExplainedObject
from hdh_migrate.telemetry import counted, size_text


@verb(
    examples=(
        "explain plan.yaml pmsi/2024/mco.csv",
        "explain plan.yaml - --dataset pmsi --json",
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS, Exit.STOPPED, Exit.AUTH),
    result=Explained,
    options=ASKING,
)
def explain(
    task: Task,
    plan: Plan,
    key: Key,
    *,
    dataset: Annotated[
        list[str] | None,
        typer.Option("--dataset", metavar="NAME", help="Only as this dataset's; repeatable."),
    ] = None,
) -> Exit | None:
    """Say which rule of the plan applies to one object, and what would become of it.

    The source is asked for it; no ledger is needed. Exit 4: the source does not have it.
    """
    from hdh_migrate.session.verbs.explain import explain as look

    result = look(task.desk(plan, dry=True), key_given(key), list(dataset or ()))
    task.out.result(result, "\n".join(line for one in result["datasets"] for line in _lines(one)))
    return Exit.FINDINGS if all(not one["source"] for one in result["datasets"]) else None


def _lines(one: ExplainedObject) -> Iterator[str]:
    yield f"dataset {one['dataset']}: {_outcome(one)}"
    if one["rule"] is not None:
        reason = "" if one["reason"] is None else f": {one['reason']}"
        yield f"  decided by {one['rule']} ({visible(one['asks'] or '')}){reason}"
    elif one["source"] is not None and one["becomes"] not in {"unknown", "left alone"}:
        yield "  no rule of the dataset speaks of it: it is taken"
    if one["why"] is not None:
        yield f"  {one['why']}" + (f" [{one['code']}]" if one["code"] else "")
    found = one["source"]
    if found is not None:
        about = [found["type"], size_text(found["size"])]
        about += [f"changed {found['modified']}"] if found["modified"] else []
        about += [f"tier {found['tier']}"] if found["tier"] else []
        about += [counted(len(found["tags"]), "tag")] if found["tags"] else []
        yield f"  at the source: {', '.join(about)}"
    if one["ages_count_from"] is not None:
        since = "since its batch began" if one["ages_fixed"] else "now: no inventory has begun"
        yield f"  ages count from {one['ages_count_from']} ({since})"
    kept = one["ledger"]
    if kept is not None:
        other = found is not None and found["version"] != kept["version"]
        yield f"  in the ledger: {kept['state']}" + (", of another version" if other else "")


_OUTCOMES: Final[Mapping[Becomes, str]] = {
    "not there": "the source has no such object",
    "left behind": "it would be left behind",
    "left alone": "no run touches it any more",
    "refused": "no run would begin its batch with it",
    "not moved": "it would not be moved, which is a finding",
    "unknown": "what would become of it cannot be said",
}


def _outcome(one: ExplainedObject) -> str:
    if one["becomes"] == "moved":
        return f"it would be moved, to {visible(one['target_key'] or '')}"
    return _OUTCOMES[one["becomes"]]
