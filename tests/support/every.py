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
            wrong = dict[str, Exception]()
            for number, row in enumerate(rows, 1):
                try:
                    look(**{name: row}, **fixtures)
                except Exception as error:  # noqa: BLE001 - all of them are raised below
                    wrong[f"{number}: {ids(row)}"] = error
                    error.add_note(f"{name} {number}")
            if wrong:  # of a group's errors only the first ones are shown
                told = "\n".join([f"{len(wrong)} of {len(rows)} are wrong", *wrong])
                raise ExceptionGroup(told, list(wrong.values()))

        asked = signature(look)
        fixtures = [one for one in asked.parameters.values() if one.name != name]
        test.__signature__ = asked.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return test

    return of
