"""Lists every `tls` section of a plan with its place."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.shapes import Loc
from hdh_migrate.plan.sides import Tls


def tls_sections(plan: Plan) -> Iterator[tuple[Loc, Tls]]:
    """Yield each `tls` section of a plan with its place, in the plan's order."""
    for loc, section in _places(plan):
        if section is not None:
            yield (*loc, "tls"), section


def _places(plan: Plan) -> Iterator[tuple[Loc, Tls | None]]:
    yield ("source",), plan.source.trusts
    yield ("target",), plan.target.tls
    for index, batch in enumerate(plan.batches):
        if batch.pointer is not None:
            yield ("batches", index, "pointer"), batch.pointer.trusts
    if plan.report.tsa is not None:
        yield ("report", "tsa"), plan.report.tsa.tls
    for index, cutover in enumerate(plan.cutovers):
        if cutover.canary is not None:
            yield ("cutovers", index, "canary"), cutover.canary.trusts
    for index, channel in enumerate(plan.notify):
        yield ("notify", index), channel.trusts
