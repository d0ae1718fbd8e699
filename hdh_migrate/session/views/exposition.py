"""Numbers in Prometheus's text format (0.0.4), as its servers and collectors read it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from hdh_migrate.frozen import frozen


@frozen
class MetricPoint:
    """One value of a metric and the labels that tell it from the others."""

    labels: Mapping[str, str]
    value: float


@frozen
class Metric:
    """One metric: its name with its unit, what it is, and its values."""

    name: str
    help: str
    points: tuple[MetricPoint, ...]
    type: Literal["gauge", "counter"] = "gauge"


CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposition(metrics: Iterable[Metric]) -> bytes:
    """Return metrics as a scrape's reply or a collector's file; those without a value are left out.

    The same metrics give the same bytes.
    """
    return "".join(line for one in metrics if one.points for line in _lines(one)).encode()


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {_escaped(metric.help)}\n"
    yield f"# TYPE {metric.name} {metric.type}\n"
    for point in metric.points:
        labels = ",".join(f'{name}="{_quoted(text)}"' for name, text in point.labels.items())
        yield f"{metric.name}{{{labels}}} {_number(point.value)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")


def _number(value: float) -> str:
    if isinstance(value, int) or (math.isfinite(value) and value == int(value)):
        return str(int(value))
    return (
        repr(value)
        if math.isfinite(value)
        else {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    )
