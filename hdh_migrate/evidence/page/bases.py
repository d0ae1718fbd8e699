"""Legal bases that ended before the work did: which of them, and whether before it began."""

from __future__ import annotations

from typing import Literal

from hdh_migrate.evidence.lines.planned import plan_of
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.frozen import frozen


@frozen
class EndedBasis:
    """A legal basis that was valid for a part of the work only, or for none of it."""

    reference: str
    until: str
    """Its last day."""
    when: Literal["before", "during"]
    """Whether that lay before the work began."""


def ended_bases(predicate: Predicate) -> dict[str, EndedBasis]:
    """Return, by reference, those that ended before the work did; none where nothing was run."""
    started, ended = predicate["times"]["started"], predicate["times"]["ended"]
    if not started or not ended:
        return {}
    return {
        one["reference"]: EndedBasis(
            reference=one["reference"],
            until=one["valid_until"],
            when="before" if one["valid_until"] < started[:10] else "during",
        )
        for one in plan_of(predicate).get("legal_basis") or ()
        if one["valid_until"] < ended[:10]
    }


BASES: dict[str, Text] = {
    "basis": Text(
        "Base légale et qualification de l'hébergeur", "Legal basis and qualification of the host"
    ),
    "basis.why": Text(
        "Ce que le client déclare. Cet outil en compare les dates avec celles du plan.",
        "What the customer states. This tool compares its dates with those of the plan.",
    ),
    "basis.none": Text("non déclarée dans le plan", "not declared in the plan"),
    "ref.basis": Text(
        "Autorisation ou base légale invoquée (déclarée)",
        "Authorisation or legal basis relied on (as declared)",
    ),
    "ref.basis.value": Text("{reference}, jusqu'au {until}", "{reference}, until {until}"),
    "ref.permit": Text("Permis des lecteurs (déclarés)", "Readers' permits (as declared)"),
    "ref.permit.see": Text(" ; voir « Qui peut lire ».", "; see “Who may read”."),
    "basis.before": Text(
        " : échue avant le début de l'opération ({began})",
        ": ended before the work began ({began})",
    ),
    "basis.during": Text(
        " : échue pendant l'opération (commencée le {began})",
        ": ended during the work (begun on {began})",
    ),
    "banner.basis.before": Text(
        "L'autorisation « {reference} » a pris fin le {until}, avant le début de "
        "l'opération ({began}) ; voir « Base légale et qualification de l'hébergeur ».",
        "The authorisation “{reference}” had ended on {until}, before the work began ({began}); "
        "see “Legal basis and qualification of the host”.",
    ),
    "banner.basis.during": Text(
        "L'autorisation « {reference} » a pris fin le {until}, pendant l'opération ; voir « Base "
        "légale et qualification de l'hébergeur ».",
        "The authorisation “{reference}” ended on {until}, during the work; see “Legal basis and "
        "qualification of the host”.",
    ),
}
