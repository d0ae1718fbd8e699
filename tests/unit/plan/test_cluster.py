"""The engine of a plan whose work a cluster does: what it must say, and what no other may."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from hdh_migrate.plan import rules
from hdh_migrate.plan.fields import ClusterUrl

URL = TypeAdapter(ClusterUrl)
WHOLE = {"kind": "dask", "scheduler": "tls://10.0.0.5:8786", "certificates": "keys/cluster"}


@pytest.mark.parametrize("url", ["tls://10.0.0.5:8786", "tls://[::1]:8786", "tls://host.fr:1"])
def test_a_scheduler_has_an_address_and_a_port(url: str) -> None:
    assert URL.validate_python(url) == url


@pytest.mark.parametrize(
    "url",
    ["tls://10.0.0.5", "tls://10.0.0.5:0", "tcp://10.0.0.5:8786", "tls://h:1/x", "tls://u@h:1",
     "tls://h:99999", "tls://h\u00e9:1", "tls://:8786"],
)  # fmt: skip
def test_what_is_no_such_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        URL.validate_python(url)


def places(engine: dict[str, str]) -> list[tuple[str | int, ...]]:
    return [broken.loc for broken in rules._a_cluster_is_named({"engine": engine})]


def test_a_cluster_needs_both_and_no_other_engine_has_them() -> None:
    assert places(WHOLE) == places({}) == places({"kind": "local"}) == []
    for name in ("scheduler", "certificates"):
        rest = {one: value for one, value in WHOLE.items() if one != name}
        assert places(rest) == [("engine", name)]
        assert places({"kind": "local", name: WHOLE[name]}) == [("engine", name)]
        assert places({name: WHOLE[name]}) == [("engine", name)]
