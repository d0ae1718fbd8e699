"""The statement of a bundle beside its journal: times, traffic, paces, plan, probe, cutovers.

Used by verify.py (which see). It needs Python 3.9 and nothing else. What the statement repeats of
the journal is made again from its events and must be the same; docs/evidence-format.md, sections
8.3 and 8.4, gives the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hdh_migrate.evidence.verifier import addresses, forms
from hdh_migrate.evidence.verifier.bindings import what_of
from hdh_migrate.evidence.verifier.events import PACED
from hdh_migrate.evidence.verifier.journal import Journal
from hdh_migrate.evidence.verifier.members import Predicate, SealSection, StatedLoss
from hdh_migrate.evidence.verifier.waivers import SHOWN


def unsaid(predicate: Predicate, journal: Journal, version: int) -> Iterator[str]:
    """Say what the statement says otherwise than the journal."""
    if version > 1:
        yield from _unsaid(predicate, journal)
    elif "looks" in predicate:
        yield "statement.json: the first format knows of no looks at the target"


def _openings(predicate: Predicate, journal: Journal) -> Iterator[str]:
    if "openings" not in predicate:
        yield "statement.json: it does not say which objects were opened"
    stated, known = predicate.get("openings", []), journal.openings
    if journal.keyed and any((one["object"], one["reason"]) != (None, None) for one in stated):
        yield "statement.json: an opening says more than keyed names allow"
    same = forms.canonical(stated) == forms.canonical(known)  # keyed ones are only counted
    if len(stated) != len(known) or not (journal.keyed or same):
        yield "statement.json: the journal knows of other openings"


def _unsaid(predicate: Predicate, journal: Journal) -> Iterator[str]:
    times = predicate["times"]
    if (journal.started, journal.ended) != (times["started"], times["ended"]):
        yield "statement.json: the journal has another beginning or end of the run"
    if forms.instant(journal.last_at) > forms.instant(times["written"]):
        yield "statement.json: written before the journal's last event"
    yield from _keys(predicate["seal"], journal)
    yield from _batches(predicate["plan"]["canonical"], journal)
    if journal.plan not in (None, predicate["plan"]["digest"]["sha256"]):
        yield "statement.json: the journal was written under another plan"
    probed = predicate["capabilities"]
    if probed is not None and forms.sha256(forms.canonical(probed)) not in journal.probes:
        yield "statement.json: the journal knows of no such probe"
    yield from _openings(predicate, journal)
    yield from _manifests(predicate, journal)
    yield from _waivers(predicate, journal)
    yield from _looks(predicate, journal)
    yield from _headers(predicate, journal)
    yield from _traffic(predicate, journal)
    yield from _paces(predicate, journal)
    if journal.receipts["verified"].objects > journal.receipts["sent"].objects:
        yield "journal.jsonl: more objects were verified than were sent"
    yield from _losses(predicate["losses"], journal)
    yield from _cutovers(predicate["cutovers"], journal)


def _looks(predicate: Predicate, journal: Journal) -> Iterator[str]:
    """The last look at each batch, and what became of all that its looks missed."""
    looks = [look.look for _, look in sorted(journal.again.items()) if look.look]
    stated = predicate.get("looks")
    said = None
    if stated is not None:  # what became of what was missed is looked at below
        said = [{name: told for name, told in one.items() if name != "absent"} for one in stated]
    # Absent where there is none: an empty list says that there were looks, and names none.
    if forms.canonical(said) != forms.canonical(looks or None):
        yield "statement.json: the journal knows of other looks at the target"
        return
    for look in stated or ():
        own = (one["tally"] for one in predicate["datasets"] if one["batch"] == look["batch"])
        if "absent" in look and journal.again[look["batch"]].misstated(look["absent"], own):
            yield (
                "statement.json: what looks at the target missed is not what journal and rows leave"
            )


def _headers(predicate: Predicate, journal: Journal) -> Iterator[str]:
    """Keys that were exchanged, and headers that were erased; absent where there are none."""
    seal = predicate["plan"]["canonical"]["seal"]
    if journal.rotations.understated(detached=seal.get("header") == "detached"):
        yield "journal.jsonl: an exchange of keys is not what the events before its end come to"
    for name, told, what in (
        ("rotations", journal.rotations.facts(), "exchanges of keys"),
        ("erasures", journal.erasures.facts(), "erasures of headers"),
    ):
        if forms.canonical(predicate.get(name)) != forms.canonical(told or None):
            yield f"statement.json: the journal knows of other {what}"


def _losses(values: Sequence[StatedLoss], journal: Journal) -> Iterator[str]:
    """What a target does not hold is kept where the contract of its dataset says."""
    for loss in values:
        dataset = journal.datasets.get(loss["dataset"])
        if loss["what"] == "modified" or dataset is None:
            continue
        if dataset.kept(loss["what"]) not in (None, loss["kept"]):
            yield "statement.json: a loss that is not kept where the journal's contract says"


def _batches(plan: Mapping[str, Any], journal: Journal) -> Iterator[str]:
    """Each batch that was begun is what the plan says of it now."""
    known = {one["name"] for one in plan["batches"]}
    for batch, (_, digest) in sorted(journal.bindings.batches.items()):
        if batch not in known or digest != forms.sha256(forms.canonical(what_of(plan, batch))):
            yield "journal.jsonl: a batch is bound to something else than the plan says"


def _keys(seal: SealSection, journal: Journal) -> Iterator[str]:
    if (
        journal.bindings.recipients is not None
        and journal.bindings.recipients != seal["recipients"]
    ):
        yield "statement.json: the journal knows of other recipients"
    proved = journal.drills.facts(seal["recipients"])
    if not journal.keyed and forms.canonical(seal.get("proved")) != forms.canonical(proved or None):
        yield "statement.json: the journal knows of other proofs of keys"
    copies = [told for _, told in sorted(journal.copied.items())]
    if forms.canonical(seal.get("headers", {}).get("copies", [])) != forms.canonical(copies):
        yield "statement.json: the journal knows of other copies of header packs"


def _manifests(predicate: Predicate, journal: Journal) -> Iterator[str]:
    """The lines of a batch are those that were approved, unless events tell of others since."""
    roots = journal.approvals.manifests.roots
    for batch in predicate["batches"]:
        if roots.get(batch["name"], batch["merkle_root"]) != batch["merkle_root"]:
            yield "manifest.jsonl: not the lines of a batch whose root was approved"


def _waivers(predicate: Predicate, journal: Journal) -> Iterator[str]:
    """Each waiver of the statement counts by the journal, where that has them as signed."""
    if journal.keyed or not journal.waivers.began:
        return
    plan, known = predicate["plan"]["digest"]["sha256"], journal.waivers.known
    counted = [known[digest] for digest in journal.waivers.counted]
    facts = [forms.canonical(one.facts()) for one in counted if one.read.plan == plan]
    for waiver in predicate["waivers"]:
        members: Mapping[str, object] = waiver
        said = {name: members[name] for name in (*SHOWN, "key_id")}
        if forms.canonical(said) not in facts:
            yield "statement.json: the journal knows of no such waiver"


def _traffic(predicate: Predicate, journal: Journal) -> Iterator[str]:
    moved = journal.ended is not None and bool(journal.receipts["sent"].first)
    for place in predicate["endpoints"]:
        members: Mapping[str, object] = place
        entries = [entry for entry in journal.traffic if entry.side == place["side"]]
        sums = {
            "bytes_read": sum(entry.bytes_read for entry in entries),
            "bytes_written": sum(entry.bytes_written for entry in entries),
            "requests": sum(entry.requests for entry in entries),
        }
        seen = sorted({address for entry in entries for address in entry.addresses})
        if {**sums, "addresses": seen} != {name: members[name] for name in (*sums, "addresses")}:
            yield "statement.json: the journal knows of other traffic"
        secured = sorted({one for entry in entries for one in entry.tls})
        if place.get("tls", []) != secured or ("tls" in place) is not bool(secured):
            yield "statement.json: the journal knows of other TLS"
        if not all(addresses.leads(entry.endpoint, place["url"]) for entry in entries):
            yield "journal.jsonl: other endpoints were contacted than the statement's"
        if any(addresses.is_this_machine(address) is not place["local"] for address in seen):
            yield "statement.json: an address of this machine that is not local, or one of another"
        uncontacted = place["url"] in addresses.UNCONTACTED.values()
        if moved and not uncontacted and not (seen and place["requests"]):
            yield "statement.json: an endpoint that nobody contacted, though objects were moved"
    if forms.canonical(journal.offsets) != forms.canonical(predicate["times"]["clock_offsets"]):
        yield "statement.json: the journal knows of other clocks"


def _paces(predicate: Predicate, journal: Journal) -> Iterator[str]:
    verified = predicate["outcome"]["states"]["verified"]
    stated = {pace["step"]: pace for pace in predicate["paces"]}
    for step, kind in PACED.items():
        receipts, pace = journal.receipts[kind], stated.get(step)
        if pace is None:
            if receipts.first:
                yield "statement.json: a pace is missing that the journal tells"
            continue
        sums = {name: sum(one[name] for one in pace["bins"]) for name in ("objects", "bytes")}
        began = receipts.first  # events ascend, but for those of an older ledger
        if receipts.begun and forms.instant(receipts.begun) < forms.instant(began):
            began = receipts.begun
        period = (pace["started"], pace["ended"])
        holds = (began, receipts.last) == period and sums["objects"] == receipts.objects
        if receipts.objects == verified["objects"]:
            holds = holds and sums == verified
        early = sum(one["bytes"] for one in pace["bins"] if not one["objects"])
        if not holds or early > receipts.passed:
            yield "statement.json: a pace is not what the journal tells"
            continue
        length = max(forms.seconds(pace["ended"]) - forms.seconds(pace["started"]), 1)
        if abs(pace["seconds"] * len(pace["bins"]) - length) > len(pace["bins"]) / 1000:
            yield "statement.json: the slices of a pace are not as long as its time"


def _cutovers(stated: Sequence[Mapping[str, Any]], journal: Journal) -> Iterator[str]:
    if journal.keyed:
        same = {story["batch"] for story in stated} == {batch for batch, _ in journal.cutovers}
    else:
        known = [story.facts() for story in journal.cutovers.values()]
        same = forms.canonical(stated) == forms.canonical(known)
    if not same:
        yield "statement.json: the journal knows of other cutovers"
