"""What a rule of `include` or `exclude` may ask of an object; all that it asks must hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Discriminator, Field, Tag

from hdh_migrate.fixity import canonical_json
from hdh_migrate.plan.fields import (
    Day,
    FilePath,
    Glob,
    ObjectSize,
    Period,
    Prefix,
    Reason,
    Sha256,
    TagText,
    Tier,
    unsaid,
)
from hdh_migrate.plan.sides import Section

OBJECT_TYPES = Literal[
    "object", "append-blob", "page-blob", "archived", "customer-key", "symlink", "special-file",
    "unknown-blob-type",
]  # fmt: skip
"""What a listing may say that an object is; directories are left behind before any rule."""

NO_CONDITIONS: Final = frozenset({"reason", "allow_unused"})
"""Fields of a rule that ask nothing of an object."""


class Conditions(Section):
    """What is asked of an object; at least one thing, and everything that is said must hold."""

    glob: Glob | None = Field(
        default=None,
        description="Matched against the key without the source prefix; `*` and `?` stay inside"
        " one folder, `**` does not.",
        examples=["**/_temporary/**"],
    )
    prefix: Prefix | None = Field(
        default=None,
        description="How the key without the source prefix begins; no character of it is special.",
        examples=["2024/"],
    )
    keys_from: FilePath | None = Field(
        default=None,
        description="A file of whole keys, as the source has them: one a line, or with a zero byte"
        " after each; at most 64 MiB. A key of it that the source does not have is a finding.",
        examples=["lists/cohort.txt"],
    )
    keys_sha256: Sha256 | None = Field(
        default=None,
        description="SHA-256 of that file. Left out, it is what the file holds now; either way it"
        " belongs to the plan's digest, so another list is another plan.",
    )
    larger_than: ObjectSize | None = Field(
        default=None, description="Of more bytes than this.", examples=["5TiB"]
    )
    smaller_than: ObjectSize | None = Field(
        default=None,
        description="Of fewer bytes than this; `1B`: empty ones.",
        examples=["1KiB"],
    )
    older_than: Period | None = Field(
        default=None,
        description="Last changed longer ago than this, counted from the instant at which the"
        " batch's inventory began, which the journal keeps: a resumed or refreshed inventory"
        " decides alike.",
        examples=["3650d"],
    )
    newer_than: Period | None = Field(
        default=None, description="Last changed no longer ago than this, from the same instant.",
        examples=["30d"],
    )  # fmt: skip
    modified_before: Day | None = Field(
        default=None, description="Last changed before this day begins, in UTC.",
        examples=["2015-01-01"],
    )  # fmt: skip
    modified_since: Day | None = Field(
        default=None, description="Last changed on this day, in UTC, or after it.",
        examples=["2024-01-01"],
    )  # fmt: skip
    tier: tuple[Tier, ...] | None = Field(
        default=None,
        min_length=1,
        description="Of one of these access tiers, as the source names them, in lower case.",
        examples=[["archive"]],
    )
    tags: Mapping[TagText, TagText] | None = Field(
        default=None,
        min_length=1,
        description="With all of these index tags, with these values. The credential must be able"
        " to read tags.",
        examples=[{"purpose": "test"}],
    )
    type: tuple[OBJECT_TYPES, ...] | None = Field(
        default=None,
        min_length=1,
        description="Of one of these types; `object` is a plain one, a block blob or a file.",
        examples=[["append-blob"]],
    )
    allow_unused: bool = Field(
        default=False,
        exclude_if=unsaid,
        description="Accept that it matches no object, or that the source lacks keys of its list;"
        " otherwise that is a finding.",
    )

    @property
    def asks(self) -> dict[str, object]:
        """All that is asked, as JSON."""
        return self.model_dump(mode="json", exclude_none=True, exclude=set(NO_CONDITIONS))

    @property
    def words(self) -> str:
        """What is asked, in one line: the glob alone, or the canonical JSON of all of it."""
        asks = self.asks
        return str(asks["glob"]) if set(asks) == {"glob"} else canonical_json(asks).decode()


class InclusionRule(Conditions):
    """Objects that are taken."""


class Exclusion(Conditions):
    """Objects that are left behind on purpose; each one is counted with this reason."""

    reason: Reason = Field(
        description="Why it is left behind; it is printed in the report.",
        examples=["Spark scratch"],
    )

    @property
    def said(self) -> str:
        """What evidence calls it."""
        return f"exclude {self.words}"


A_GLOB: Final = "a glob"
A_RULE: Final = "a rule"
FORMS: Final = frozenset({A_GLOB, A_RULE})
"""What pydantic puts into the place of an entry; no field has such a name."""


def _form(value: object) -> str:
    return A_RULE if isinstance(value, (InclusionRule, Mapping)) else A_GLOB


Included = Annotated[
    Annotated[Glob, Tag(A_GLOB)] | Annotated[InclusionRule, Tag(A_RULE)], Discriminator(_form)
]
