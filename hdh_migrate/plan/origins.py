"""What a source answers for its kind, and what every section of a plan is made of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hdh_migrate.frozen import frozen
from hdh_migrate.plan.fields import FilePath, SpkiPin, is_loopback, refusal, unsaid


class Section(BaseModel):
    """A mapping in a plan."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        defer_build=True,  # each is built with the model that holds it, when one is first read
    )


class Tls(Section):
    """What the certificate of one endpoint is checked against, besides its name and dates."""

    ca_bundle: FilePath | None = Field(
        default=None,
        description="PEM file of the only certification authorities that are trusted for this"
        " endpoint; default: the system's.",
        examples=["keys/host-ca.pem"],
    )
    spki_pins: tuple[SpkiPin, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="SHA-256 digests of public keys, in base64; the server's own key must be one"
        " of them. Name the next key too, or its renewal stops the migration.",
        examples=[["sha256//n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="]],
    )


@frozen
class Traits:
    """What is true of a kind of source in every plan. No answer has a default.

    A reason (`no_...`) is what `validate` tells who asked for it: it ends with what to do instead.
    """

    datasets: Literal["container", "path"]
    """The field by which a dataset says where in the source it is."""
    address: str | None
    """The field that holds the address which is contacted; None: nothing ever is."""
    no_range_digests: str | None
    """Why the source has no digest of a range (`verify.source: range-md5`); None: it has."""
    no_trial: str | None
    """Why no writer can be tried there (freeze kind `denied-write`); None: one can."""
    no_eraser: str | None
    """Why we delete nothing there (`decommission`); None: we can."""
    no_archive: str | None
    """Why nothing is ever archived there (`rehydrate`); None: something may be."""
    no_labels: str | None
    """Why no rule can ask for tiers and tags; None: its listing tells them."""
    no_versions: str | None
    """Why no earlier version can be had (`versions` of a dataset's source); None: it may be."""
    reads_together: bool
    """Whether many reads wait in one thread, as its adapter's do (`ports.stores.Source`)."""


class SourceSection(Section):
    """Where objects are read. A kind answers here for itself; nobody asks which one it is.

    A kind that leaves an answer out is refused when it is defined, and one whose answers contradict
    each other when a plan is read: a source is elsewhere unless it is known to be on this machine.
    """

    kind: str
    traits: ClassVar[Traits]

    @property
    @abstractmethod
    def address(self) -> str:
        """Where requests go, as evidence tells it."""

    @property
    @abstractmethod
    def is_local(self) -> bool:
        """Whether it is on this machine, or entered by a tunnel that begins here."""

    @property
    @abstractmethod
    def trusts(self) -> Tls | None:
        """What its certificate is checked against; None: by the system, or there is none."""

    @property
    @abstractmethod
    def authorised_by(self) -> str | None:
        """The kind of its credential; None: it needs none."""

    @property
    def reads_twice(self) -> bool:
        """Whether it has every object read again when it is verified, as `verify.source` may."""
        return False

    @property
    def sessions_at_most(self) -> int | None:
        """How many connections it bears at once, of all processes; None: nobody counts."""
        return None

    @property
    def pinned_until(self) -> str | None:
        """The last day on which a key that it must show counts; None: nobody says so."""
        return None

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the environment that its credential is reached by."""
        return ()

    @property
    def files(self) -> Mapping[str, str]:
        """The files that it points to, other than secrets, by field."""
        return {}

    def shared(self, processes: int) -> Self:
        """Return it as one of so many processes sees it: with its share of what is counted."""
        del processes
        return self

    @property
    def is_contacted(self) -> bool:
        """Whether it is asked over a network, be it at an address of this machine."""
        return self.traits.address is not None

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Refuse a kind that does not answer."""
        lacks = sorted(cls.__abstractmethods__)
        if not isinstance(getattr(cls, "traits", None), Traits):
            lacks.append("traits")
        if not isinstance(kind_of(cls), str):
            lacks.append("kind")
        if lacks:
            raise TypeError(f"{cls.__name__} does not answer for itself: {', '.join(lacks)}")

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        """Demand that `address` has a host only if one is contacted, and agrees with `is_local`."""
        here = is_loopback(self.address) if self.is_contacted else True
        named = bool(urlsplit(self.address).hostname)
        if named is not self.is_contacted or self.is_local is not here:
            raise refusal("the source's address does not say whether it is this machine")
        return self


def kind_of(section: type[Section]) -> str | None:
    """Return what a section's `kind` must be in a plan; None when it is no single word."""
    words = get_args(section.model_fields["kind"].annotation)
    return words[0] if len(words) == 1 else None
