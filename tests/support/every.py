"""A test of every row of a table, where a look at a row is shorter than what a test of it takes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

Row = TypeVar("Row")


def every(
    name: str, rows: Collection[Row], ids: Callable[[Row], str] = str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make one test of a look at a row: all rows are looked at, and each that is wrong is told.

    What else the look takes are fixtures, which the rows share: it changes nothing.
    """

    def of(look: Callable[..., None]) -> Callable[..., None]:
        @wraps(look)
        def test(**fixtures: Any) -> None:
            assert rows, "there is nothing to look at"
            wrong = list[Exception]()
            for row in rows:
                try:
                    look(**{name: row}, **fixtures)
                except Exception as error:  # noqa: BLE001 - all of them are raised below
                    error.add_note(f"{name}: {ids(row)}")
                    wrong.append(error)
            if wrong:
                raise ExceptionGroup(f"{len(wrong)} of {len(rows)} are wrong", wrong)

        asked = signature(look)
        fixtures = [one for one in asked.parameters.values() if one.name != name]
        test.__signature__ = asked.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return test

    return of
