"""Which conditions of references.yaml this bundle meets: only what it meets is said of it."""

from __future__ import annotations

from collections.abc import Collection

from hdh_migrate.codes import LOST_OBJECTS, Code, how_many
from hdh_migrate.evidence.lines.harm import HarmInTurn
from hdh_migrate.evidence.lines.planned import plan_of
from hdh_migrate.evidence.lines.stories import after_deletion, stories
from hdh_migrate.evidence.page.declared import declared_of
from hdh_migrate.evidence.verifier.members import Predicate

HELD = frozenset({
    "all-offsets", "approvals", "attestation", "basis", "breach", "contract", "drilled", "excluded",
    "grants", "here", "https", "judged", "let-go", "losses", "mended", "observed", "offsets",
    "openings", "packed", "partly", "plain-source", "region", "requested", "sealed", "signed",
    "unmended", "whole",
})  # fmt: skip
"""Everything that references.yaml may ask for."""


def held_of(
    predicate: Predicate,
    approvals: Collection[object],
    harm: HarmInTurn,
    *,
    mended: bool,
    unmended: bool,
    let_go: bool,
    grants: bool,
    signed: bool,
) -> frozenset[str]:
    """Return which of `HELD` a bundle has; its journal tells of the other arguments.

    `mended` and `unmended`: whether looks found objects gone or damaged; `let_go`: whether a switch
    was made final in spite of such objects.
    """
    endpoints, outcome = predicate["endpoints"], predicate["outcome"]
    contacted = [one["url"] for one in endpoints if one["requests"]]
    states = outcome["states"]
    verified, whole = states["verified"]["objects"], outcome["levels"].get("full")
    deletions = [after_deletion(one) for one in stories(predicate)]
    offsets = predicate["times"]["clock_offsets"]
    parties = declared_of(predicate).get("organisations", ())
    found = {
        "approvals": bool(approvals),
        "here": all(one["local"] for one in endpoints),
        "mended": mended,
        "unmended": unmended,
        "let-go": let_go,
        "attestation": predicate["attestation"] is not None,
        "basis": bool(plan_of(predicate).get("legal_basis")),
        "breach": how_many(predicate["findings"]["codes"], *LOST_OBJECTS, Code.TARGET_REPLACED) > 0,
        "contract": any(one.get("contract") for one in parties),
        "drilled": bool(predicate["seal"].get("proved")),
        "excluded": bool(predicate["exclusions"]),
        "grants": grants,
        "https": bool(endpoints)
        and all(one["url"].lower().startswith("https://") for one in endpoints),
        "judged": bool(harm.judgements),
        "losses": bool(predicate["losses"]),
        "observed": any(one.over for one in deletions),
        "partly": any(one.observed and not one.over for one in deletions),
        "offsets": bool(offsets),
        "all-offsets": all(
            any(f"{url}/".startswith(f"{place}/") for place in offsets) for url in contacted
        ),
        "packed": bool(predicate["seal"].get("headers")),
        "openings": bool(predicate.get("openings")),
        "plain-source": any(
            one["requests"] and not one["local"] and one["url"].lower().startswith("http://")
            for one in endpoints
            if one["side"] == "source"
        ),
        "region": any(one["region"] for one in endpoints if one["side"] == "target"),
        "requested": any("requested" in one["times"] for one in stories(predicate)),
        "sealed": bool(predicate["seal"]["recipients"]),
        "signed": signed,
        "whole": verified > 0 and whole is not None and whole["objects"] == verified,
    }
    return frozenset(name for name, has in found.items() if has)
