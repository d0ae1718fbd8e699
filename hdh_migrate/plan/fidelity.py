"""The section of a plan that chooses a fidelity contract: a field for each feature of the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model

from hdh_migrate.fidelity import DIRECTORIES, FEATURES, OVERFLOW, Way
from hdh_migrate.plan.fields import unsaid
from hdh_migrate.plan.origins import Section


class Chosen(Section):
    """What becomes of what the source says of an object beside its bytes.

    `kept`: beside the object at the target; `sidecar`: in a sealed file beside the dataset;
    `dropped`: a loss that the report declares.
    """

    @property
    def said(self) -> Mapping[str, str]:
        """The ways that are given, by the names of features."""
        return self.model_dump(exclude_none=True)


def _choice(ways: Iterable[Way], default: Way, words: str) -> tuple[Any, Any]:
    choices = Literal[tuple(str(way) for way in ways)]  # type: ignore[valid-type]  # the table's data
    described = f"{words[0].upper()}{words[1:]}; `{default}` unless given."
    return (choices | None, Field(default=None, exclude_if=unsaid, description=described))


_FIELDS: dict[str, object] = {
    **{name: _choice(one.ways, one.default, one.en) for name, one in FEATURES.items()},
    DIRECTORIES: _choice(Way, Way.SIDECAR, "folder markers (`kept`: as objects without content)"),
    OVERFLOW: _choice(
        (Way.SIDECAR, Way.DROPPED), Way.SIDECAR, "what is to be kept, and does not fit beside"
        " its object",
    ),
}  # fmt: skip

if TYPE_CHECKING:
    Fidelity = Chosen
else:
    Fidelity = create_model("Fidelity", __base__=Chosen, __doc__=Chosen.__doc__, **_FIELDS)
