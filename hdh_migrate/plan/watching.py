"""How a monitoring system looks on: numbers for Prometheus, in a file or on this machine alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from hdh_migrate.plan import fields
from hdh_migrate.plan.fields import Duration, FilePath
from hdh_migrate.plan.sides import Section


def _collected(value: str) -> str:
    if not is_collected(value):
        raise fields.refusal("must end with .prom: a collector of text files reads no other name")
    return value


def is_collected(name: str) -> bool:
    """Return whether node_exporter's collector of text files reads a file of this name."""
    return name.endswith(".prom")


class Metrics(Section):
    """Where the numbers of a migration are given to Prometheus."""

    file: Annotated[FilePath, AfterValidator(_collected)] | None = Field(
        default=None,
        description="A file for node_exporter's textfile collector, replaced as a whole; relative"
        " to the plan or absolute. `status --metrics-file` writes one at any time.",
        examples=["/var/lib/prometheus/node-exporter/hdh-migrate.prom"],
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="A port of this machine (127.0.0.1, nowhere else) where `/metrics` answers"
        " while a run is under way.",
        examples=[9464],
    )
    every: Duration = Field(
        default="15s", description="How often a run looks for news.", examples=["30s"]
    )

    @property
    def seconds(self) -> int:
        """Seconds between two looks."""
        return fields.period_seconds(self.every)
