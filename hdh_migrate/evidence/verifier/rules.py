"""What a statement says, beside the plan in it.

Used by verify.py (which see). It needs Python 3.9 and nothing else. Every rule here is decided from
the statement alone; docs/evidence-format.md, section 7.3, gives them in words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from hdh_migrate.evidence.verifier import addresses, cutovers, forms, shapes
from hdh_migrate.evidence.verifier.members import Predicate, StatedEndpoint
from hdh_migrate.evidence.verifier.planned import StatedPlan

RECIPIENT = {
    False: re.compile("c4gh:[0-9a-f]{16}"),
    True: re.compile("hybrid:[0-9a-f]{16}"),
}
"""How a recipient's fingerprint is written, by whether headers are detached."""
Rule = Iterator[str]


def misstated(predicate: Predicate, planned: StatedPlan) -> Iterator[str]:
    """Say what the statement says otherwise than its plan."""
    if forms.sha256(forms.canonical(planned.canonical)) != predicate["plan"]["digest"]["sha256"]:
        yield "statement.json: the plan digest is not the digest of the plan"
    if not _places(predicate, planned):
        yield "statement.json: the datasets are not those of the plan"
    for rule in (
        _endpoints, _fences, _sealing, _times, _beside, _losses, _cutovers, _erasures, _signing,
    ):  # fmt: skip
        try:
            yield from rule(predicate, planned)
        except (KeyError, TypeError, AttributeError):
            raise forms.Wrong("statement.json: the plan is not of the form of a plan") from None


def _places(predicate: Predicate, planned: StatedPlan) -> bool:
    plan = planned.canonical
    batches = [(name, batch["name"]) for batch in plan["batches"] for name in batch["datasets"]]
    stated = {each["name"]: (each["source"], each["target"]) for each in predicate["datasets"]}
    places = {name: (each.source, each.target) for name, each in planned.datasets.items()}
    once = (
        len(stated) == len(predicate["datasets"]) == len(plan["datasets"])
    )  # or sums would double
    batched = sorted(batches) == sorted(
        (each["name"], each["batch"]) for each in predicate["datasets"]
    )
    return stated == places and once and batched and plan["migration"] == predicate["migration"]


def _endpoints(predicate: Predicate, planned: StatedPlan) -> Rule:
    """There are two: the plan's source and the plan's target."""
    plan, stated = planned.canonical, predicate["endpoints"]
    local = [addresses.is_local(place["url"]) for place in stated]
    if predicate["rehearsal"] is not all(local) or local != [place["local"] for place in stated]:
        yield "statement.json: rehearsal or local endpoints are misstated"
    origin, target = plan["source"], plan["target"]
    source = {"side": "source", "kind": origin["kind"], "region": None}
    source["url"] = addresses.address_of(origin)
    host = {"side": "target", "kind": target["provider"], "region": target["region"]}
    if target.get("endpoint") is not None:
        host["url"] = target["endpoint"]
    elif len(stated) == 2 and stated[1]["local"]:
        yield "statement.json: a provider's own address is never local"
    wanted, seen = [source, host], list[Mapping[str, object]](stated)
    if [{name: one[name] for name in want} for one, want in zip(seen, wanted)] != wanted or len(  # noqa: B905 - Python 3.9
        stated
    ) != len(wanted):
        yield "statement.json: the endpoints are not the plan's"


def _fences(predicate: Predicate, planned: StatedPlan) -> Rule:
    """They are those of the target's buckets."""
    told = predicate.get("fences")
    if told is None:
        return  # of an earlier version
    buckets = {each["target"]["bucket"] for each in predicate["datasets"]}
    if planned.version == 1 or told["ours"] + told["unknown"] != len(buckets):
        yield "statement.json: fences of other buckets than the target's"


def _sealing(predicate: Predicate, planned: StatedPlan) -> Rule:
    seal, keys = predicate["seal"], predicate["seal"]["recipients"]
    if seal["format"] != planned.seal or len(keys) != planned.recipients:
        yield "statement.json: the seal is not the plan's"
    if len(set(keys)) != len(keys) or not all(
        RECIPIENT[planned.detached].fullmatch(key) for key in keys
    ):
        yield "statement.json: recipients that are no fingerprints, or one twice"
    files = seal.get("files")
    if planned.version == 1 and (
        files is not None
        or any({"own", "own_verified"} & each.keys() for each in predicate["datasets"])
    ):
        yield "statement.json: the first format tells of no files of keys, nor of the tool's own"
    if files is not None and (
        [one["file"] for one in files] != planned.canonical["seal"].get("recipients")
        or sorted(one["recipient"] for one in files) != sorted(keys)
    ):
        yield "statement.json: other files of keys than the plan's, or of other keys"
    if ("headers" in seal) is not planned.detached:
        yield "statement.json: packs of headers that the plan has none of, or none of those it has"
    if predicate["verification"]["level"] != planned.level:
        yield "statement.json: the level is not the plan's"


def _signing(predicate: Predicate, planned: StatedPlan) -> Rule:
    """Keys of files are told of those that the plan names for signatures, in the files' order."""
    plan, told = planned.canonical, predicate.get("signing_keys")
    if told is None:
        return
    named = [section.get("keys") or () for name in ("approvals", "waivers")
             for section in (plan.get(name) or {},)]  # fmt: skip
    named += [
        (one.get("decommission") or {}).get("trust") or () for one in plan.get("cutovers") or ()
    ]
    known = {file for files in named for file in files}
    files = [one["file"] for one in told]
    if planned.version == 1 or not files or files != sorted({*files} & known):
        yield "statement.json: keys of files that the plan does not name for signatures"


def _times(predicate: Predicate, planned: StatedPlan) -> Rule:
    del planned
    times = predicate["times"]
    story = [times["started"], times["ended"], times["written"]]
    moments = [forms.instant(moment) for moment in story if moment is not None]
    if moments != sorted(moments):
        yield "statement.json: it ended before it started, or was written before it ended"
    first, last = moments[0], moments[-1]
    for pace in predicate["paces"]:
        begun, done = forms.instant(pace["started"]), forms.instant(pace["ended"])
        if not first <= begun <= done <= last:
            yield "statement.json: a pace from outside the run"
    if len({pace["step"] for pace in predicate["paces"]}) != len(predicate["paces"]):
        yield "statement.json: a step has two paces"


WAIVER = {
    **dict.fromkeys(("what", "reason", "by", "file"), forms.NAMED), "made_at": forms.TIME,
    "until": forms.DAY, "key_id": forms.KEY_ID, "sha256": forms.DIGEST,
}  # fmt: skip


def _beside(predicate: Predicate, planned: StatedPlan) -> Rule:
    """What stands beside the plan is about this plan."""
    plan = planned.canonical
    target, profile = plan["target"], predicate["profile"]
    attested, probed = predicate["attestation"], predicate["capabilities"]
    if profile is not None and profile.get("name") != target["provider"]:
        yield "statement.json: the profile is of another provider"
    named = target.get("attestation")
    there = [place for place in predicate["endpoints"] if place["side"] == "target"]
    if attested is not None and (
        named is None
        or forms.canonical(attested.get("reference")) != forms.canonical(named)
        or predicate["rehearsal"]
    ):
        yield "statement.json: an attestation that the plan does not name, or of a rehearsal"
    elif attested is not None and not (
        attested.get("provider") == target["provider"]
        and type(attested["regions"]) is list
        and target["region"] in attested["regions"]
        and all(_attests(attested, place) for place in there)
    ):
        yield "statement.json: an attestation of another host"
    if probed is not None and not any(
        (probed.get("endpoint"), probed.get("region")) == (place["url"], place["region"])
        for place in there
    ):
        yield "statement.json: what a probe saw is of another target"
    if predicate["waivers"] and plan.get("waivers") is None:
        yield "statement.json: waivers, though the plan accepts none"
    written = predicate["times"]["written"]
    for waiver in predicate["waivers"]:
        if shapes.ill_formed(waiver, WAIVER, "") is not None:
            yield "statement.json: not a waiver"
        elif waiver["until"] < written[:10]:
            yield "statement.json: a waiver that had ended"
        elif forms.seconds(waiver["made_at"]) > forms.seconds(written) + forms.AHEAD:
            yield "statement.json: a waiver from after the statement"


def _attests(attested: Mapping[str, Any], place: StatedEndpoint) -> bool:
    """Say whether a host is attested, or what the tunnel leads to that begins at its address."""
    hosts = {place["url"].rstrip("/")}
    if place["local"]:
        tunnels = attested.get("tunnels") or []
        if type(tunnels) is not list:
            return False
        hosts = {
            way["leads_to"].rstrip("/") for way in tunnels if way["local"].rstrip("/") in hosts
        }
    known = attested["endpoints"]
    listed = shapes.ill_formed(known, [forms.is_string], "") is None
    return listed and len(hosts) == 1 and hosts <= {url.rstrip("/") for url in known}


FEATURES = frozenset((
    "metadata", "tags", "headers", "dates", "tier", "type", "pages", "owner", "encryption",
    "immutability", "lease", "other",
))  # fmt: skip
"""What a target may not keep, besides the time of the last change."""


def _losses(predicate: Predicate, planned: StatedPlan) -> Rule:
    """Losses are of objects that were moved, or are to be."""
    moved = {
        each["name"]: each["tally"]["verified"]["objects"] + each["tally"]["pending"]["objects"]
        for each in predicate["datasets"]
    }
    stated = {(loss["dataset"], loss["what"]): loss for loss in predicate["losses"]}
    fits = all(0 < loss["objects"] <= moved.get(loss["dataset"], 0) for loss in predicate["losses"])
    if len(stated) != len(predicate["losses"]) or not fits:
        yield "statement.json: losses of more objects than there are, or told twice"
    if planned.version == 1:
        if any(loss["kept"] == "sidecar" for loss in stated.values()):
            yield "statement.json: the first format knows no sidecar"
        return
    if not all(_is_kept(what, loss["kept"]) for (_, what), loss in stated.items()):
        yield "statement.json: not a loss, or kept elsewhere"
    modified = {
        name: stated[name, "modified"]["objects"] for name, what in stated if what == "modified"
    }
    if modified != {name: objects for name, objects in moved.items() if objects}:
        yield "statement.json: no target keeps the time of the last change of any object"


def _is_kept(what: str, kept: str) -> bool:
    """Say whether a loss is one, and kept where it may be."""
    if what == "modified":
        return kept == "manifest"
    return what in FEATURES and kept in {"ledger", "sidecar"}


def _cutovers(predicate: Predicate, planned: StatedPlan) -> Rule:
    batches = {batch["name"] for batch in planned.canonical["batches"]}
    yield from unapproved(predicate, batches, planned.version)


def _erasures(predicate: Predicate, planned: StatedPlan) -> Rule:
    """Nobody erases alone: somebody else approved, one of those whom the batch's terms ask."""
    del planned
    batches = {one["name"]: one["batch"] for one in predicate["datasets"]}
    for one in predicate.get("erasures", ()):
        if batches.get(one["dataset"]) != one["batch"]:
            yield f"statement.json: erasure of {one['dataset']}: it is of another batch"
        stories = [story for story in predicate["cutovers"] if story["batch"] == one["batch"]]
        asked = {
            forms.sha256(bytes.fromhex(known["public"]))
            for story in stories
            if story["track"] == "cutover"
            for terms in terms_stated(story)
            for known in terms["approvers"]
        }
        keys = one["approvals"]
        if not keys or len(set(keys)) != len(keys) or not asked.issuperset(keys):
            yield f"statement.json: erasure of {one['dataset']}: approved by nobody whom terms ask"


# --- who approved ------------------------------------------------------------------------------


def unapproved(predicate: Predicate, batches: Collection[str], version: int) -> Rule:
    """Say which cutovers are of no batch, or not approved as their terms ask."""
    stated = [(story.get("batch"), story.get("track")) for story in predicate["cutovers"]]
    tracks = all(track in ("cutover", "rehearsal") for _, track in stated)
    known = all(isinstance(batch, str) and batch in batches for batch, _ in stated)
    if not tracks or not known or len(set(stated)) != len(stated):
        raise forms.Wrong("statement.json: a cutover of no batch of the plan, or told twice")
    for story in predicate["cutovers"]:
        # Statements of the first format tell of no terms.
        if story["track"] == "cutover" and (version > 1 or "terms_changes" in story):
            try:
                forms.must(isinstance(story["terms_changes"], list))
                forms.must(version == 1 or all(isinstance(story[name], dict) for name in _TABLES))
                yield from agreed(story)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise forms.Wrong("statement.json: not the terms of a cutover") from None


_TABLES = ("times", "approvals", "approved_under")


def agreed(story: Mapping[str, Any]) -> Rule:
    """What needs approvals has some, each by enough of those whom the terms in force then ask."""
    forms.must(isinstance(story["times"], dict))
    batch, history = story["batch"], terms_stated(story)
    digests = [forms.sha256(forms.canonical(terms)) for terms in history]
    changes = story["terms_changes"]
    chained = [(one["was"], one["now"]) for one in changes]
    if chained != list(zip(digests, digests[1:])):  # noqa: B905, RUF007 - Python 3.9
        yield f"statement.json: batch {batch}: changes of terms that do not follow each other"
    for before, one in zip(history, changes):  # noqa: B905 - Python 3.9
        asked = max([*before["thresholds"].values(), 0])
        if not _suffice(one["approvals"], before, asked):
            yield f"statement.json: batch {batch}: terms changed without those who approved before"
    for stage, keys in story["approvals"].items():
        under = story["approved_under"].get(stage)
        if under is None and not changes:
            continue  # an earlier version wrote this approval
        if under not in digests:
            yield f"statement.json: batch {batch}: {stage} approved under terms that were never set"
            continue
        terms = history[digests.index(under)]
        if not _suffice(keys, terms, terms["thresholds"].get(stage, 0)):
            yield f"statement.json: batch {batch}: {stage} was not approved by whom its terms ask"
    for name, stage in cutovers.DEMANDED.items():
        if name in story["times"] and stage not in story["approvals"]:
            yield f"statement.json: batch {batch}: {name}, and nobody is told who approved it"


def terms_stated(story: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return all terms of a cutover that a statement tells, the first ones first."""
    found = [*(one["terms_before"] for one in story["terms_changes"]), story["terms"]]
    return [terms for terms in found if terms is not None]


def _suffice(keys: Sequence[str], terms: Mapping[str, Any], threshold: int) -> bool:
    asked = {
        forms.sha256(bytes.fromhex(one["public"])): one["fingerprint"] for one in terms["approvers"]
    }
    forms.must(shapes.ill_formed(keys, [forms.is_string], "") is None)
    forms.must(all(type(one) is int for one in forms.mapping(terms["thresholds"]).values()))
    named = all(digest == fingerprint for digest, fingerprint in asked.items())
    return named and set(keys) <= asked.keys() and len(set(keys)) == len(keys) >= threshold
