"""No module imports one that imports it, be it in a function or for the type checker alone."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


@pytest.mark.slow
def test_imports_go_in_no_circle() -> None:
    graph = grimp.build_graph("hdh_migrate", cache_dir=None)
    needs = {one: graph.find_modules_directly_imported_by(one) for one in graph.modules}
    assert "hdh_migrate.cli.bars" in needs["hdh_migrate.cli.command"], "imported in a function"
    assert "hdh_migrate.session.desk" in needs["hdh_migrate.cli.command"], "for the type checker"
    TopologicalSorter(needs).prepare()


def test_a_circle_is_named() -> None:
    with pytest.raises(CycleError, match="a"):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
