"""Where a plan says whose certificates count: every `tls` section with its place."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.pointers import S3ObjectPointer
from hdh_migrate.plan.shapes import Loc
from hdh_migrate.plan.sides import AzureBlob, Tls


def tls_sections(plan: Plan) -> Iterator[tuple[Loc, Tls]]:
    """Give each `tls` section of a plan with its place, in the plan's order."""
    for loc, section in _places(plan):
        if section is not None:
            yield (*loc, "tls"), section


def _places(plan: Plan) -> Iterator[tuple[Loc, Tls | None]]:
    if isinstance(plan.source, AzureBlob):
        yield ("source",), plan.source.tls
    yield ("target",), plan.target.tls
    for index, batch in enumerate(plan.batches):
        if isinstance(batch.pointer, S3ObjectPointer):
            yield ("batches", index, "pointer"), batch.pointer.tls
    if plan.report.tsa is not None:
        yield ("report", "tsa"), plan.report.tsa.tls
    for index, cutover in enumerate(plan.cutovers):
        if isinstance(cutover.canary, S3ObjectPointer):
            yield ("cutovers", index, "canary"), cutover.canary.tls
