"""What a plan says of an endpoint's certificate, for the transport that goes there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.transport import TlsTrust

if TYPE_CHECKING:
    from hdh_migrate.plan.sides import Tls as Section


def trust_of(section: Section | None, base: Path) -> TlsTrust:
    """Return who is trusted at an endpoint with this `tls` section; `base` is the plan's folder."""
    if section is None:
        return TlsTrust()
    bundle = None if section.ca_bundle is None else str(base / section.ca_bundle)
    return TlsTrust(ca_file=bundle, pins=tuple(section.spki_pins))
