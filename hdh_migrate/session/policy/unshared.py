"""What a plan relies on is nobody else's to change: its own file, keys, secrets, programs.

Whoever can exchange a recipient's key reads what is sealed from then on; whoever can exchange an
approver's, or a program, decides with us. They may be read by others where they are public.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hdh_migrate.folders import demand_unshared
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import Crypt4gh
from hdh_migrate.session.policy.contents import named_files


def demand_ours(loaded: LoadedPlan, state: Path) -> None:
    """Refuse a plan of which others could change something, or put something in its place.

    Whose the plan's file is may change what it names too: a container mounts both.

    Raises:
        Refused: they can.
    """
    owners = {loaded.path.stat().st_uid}
    for path in (loaded.path, state, *(loaded.base / name for name in named_paths(loaded.plan))):
        demand_unshared(path, owners)


def named_paths(plan: Plan) -> list[str]:
    """Return the files and folders that a plan names, secrets among them, as it writes them."""
    found = dict.fromkeys(path for _, path in named_files(plan))
    if isinstance(plan.seal, Crypt4gh):
        found |= dict.fromkeys(plan.seal.recipients)
    lists = [
        plan.approvals and plan.approvals.keys,
        plan.waivers and plan.waivers.keys,
        *(one.decommission and one.decommission.trust for one in plan.cutovers),
    ]
    for keys in lists:
        found |= dict.fromkeys(keys or ())
    if plan.engine.certificates is not None:  # whoever can exchange them lets himself in
        found[plan.engine.certificates] = None
    if plan.backup is not None:  # whoever can exchange a copy decides what is restored
        found[plan.backup.folder] = None
    return [*found, *references(plan.model_dump(mode="json"), "file:")]


def references(value: Any, kind: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield what the references of a kind (`file:`, `env:`) name, wherever they stand."""
    match value:
        case str() if value.startswith(kind):
            yield value.removeprefix(kind)
        case dict():
            for one in value.values():
                yield from references(one, kind)
        case list():
            for one in value:
                yield from references(one, kind)
        case _:
            pass
