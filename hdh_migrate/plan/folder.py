"""Where objects are read from folders of this machine: the section of a plan."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hdh_migrate.plan.origins import SourceSection, Tls, Traits


class Folder(SourceSection):
    """Folders on this machine, for rehearsals and for data that was exported before."""

    traits = Traits(
        datasets="path",
        address=None,
        no_range_digests="range-md5 needs a source of kind azure-blob; use again",
        no_trial="a folder has no credential to try: use kind statement instead",
        no_eraser="a folder is yours to delete: leave this out",
        no_archive="files are never archived: leave this out",
        no_labels="files have no tiers and no tags: leave this out",
        no_versions="files have no versions: leave this out",
        reads_together=False,
    )

    kind: Literal["folder"] = Field(description="Folders on this machine; no credential.")

    @property
    def address(self) -> str:
        """What stands in evidence for an address; nothing is sent anywhere."""
        return "folder:"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine: always."""
        return True

    @property
    def trusts(self) -> Tls | None:
        """None: there is no certificate."""
        return None

    @property
    def authorised_by(self) -> str | None:
        """None: the operator's own rights are used."""
        return None
