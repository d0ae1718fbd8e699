"""Faults planted by hand in a copy of the code, to see that the simulator finds each of them.

    python -m tests.campaign.planted [NAME]...

A planted fault is one edit of one file, as a tired colleague could make it. Where the edited text
is not in the file any more, that is an error: the table would lie otherwise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.kinds import LifeKind

ROOT = Path(__file__).parents[2]
SECONDS = 120
"""Processor seconds within which a planted fault must be found."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault: what the file says, and what it says with the fault in it."""

    name: str
    file: str
    was: str
    now: str
    also: Planted | None = None
    """Another edit, where two places guard against the same: neither alone does any harm."""
    kind: LifeKind = LifeKind.MOVED
    """In which lives it shows."""

    def edits(self) -> Iterator[Planted]:
        """Yield this edit and all that go with it."""
        yield self
        if self.also is not None:
            yield from self.also.edits()

    def plant(self, folder: Path) -> None:
        """Edit the code in a folder.

        Raises:
            ValueError: the code does not say once what is to be edited.
        """
        for one in self.edits():
            path = folder / one.file
            text = path.read_text("utf-8")
            if text.count(one.was) != 1:
                raise ValueError(f"{one.file} does not say once: {one.was!r}")
            path.write_text(text.replace(one.was, one.now), "utf-8")


@dataclass(frozen=True, slots=True)
class Hunted:
    """What came of looking for a planted fault; `seed` is None: it was not found."""

    fault: Planted
    seed: int | None
    lives: int
    seconds: float
    found_by: str
    story: str = ""
    """What was printed of the life that found it."""
    trouble: str = ""
    """Why nothing can be said: the simulator itself failed."""


# Left out: a listing that goes on after it contradicted itself. The second listing heals it, but
# for one that is reversed at its first page; tests/unit/pipeline/test_inventory.py has that case.
# And an object that is sealed anew under the data key of a killed attempt: what was verified is
# sealed again to the same bytes, unless a host that knows that key lies between the two readings.
# And a write trial that was refused and went through, taken for a freeze: 314 lives did not show
# it; tests/unit/pipeline/cutover/test_start.py has that case.
# And a bundle's word of an earlier version, taken for the newest: a change to the same size between
# a report and the loss of every ledger is rare, and no life found it in two minutes.
# And headers that a killed grant kept, taken without a look: of other objects it is another grant.
PLANTED = (
    Planted(
        "an intent is not committed before its order leaves", "pipeline/dispatch.py",
        "            self._ctx.ledger.claim(entry)\n        self.commit()\n",
        "            self._ctx.ledger.claim(entry)\n",
    ),
    Planted(
        "parts become an object before their receipts are committed", "pipeline/transfer/large.py",
        "            self._dispatch.commit()  # every part's receipt is safe before they become one"
        " object\n",
        "",
    ),
    Planted(
        "what is sealed is not recorded before its bytes leave", "pipeline/transfer/transfer.py",
        "        answers = [self._large.seals(intent) for intent in asked]\n"
        "        self._dispatch.commit()\n",
        "        answers = [self._large.seals(intent) for intent in asked]\n",
    ),
    Planted(
        "a write has no condition", "pipeline/workers/sending.py",
        "            raise self._box.conflict(tag)\n",
        "            return\n",
    ),
    Planted(
        "a refused write is tried again over what is there", "pipeline/workers/sending.py",
        "            if stored is None or not (own or late):\n"
        "                raise\n",
        "            if stored is None:\n                raise\n",
    ),
    Planted(
        "an attempt keeps its number", "pipeline/dispatch.py",
        "replace(entry, attempt=entry.attempt + 1)", "replace(entry, attempt=entry.attempt)",
    ),
    Planted(
        "an ended upload is not aborted, nor swept", "pipeline/transfer/uploads.py",
        "            if may_be_ours(ctx.ledger, dataset.batch, found, upload, began):\n",
        "            if False:\n",
    ),
    Planted(
        "one listing is believed", "pipeline/inventory/inventory.py",
        "            if summary.digest == again:\n", "            if summary.digest:\n",
    ),
    Planted(
        "what is read back is not compared", "pipeline/workers/checking.py",
        "        if self.plain.hexdigest() != one.sha256:\n"
        '            return "the plaintext digest differs"\n'
        "        if one.sealed_sha256 is not None and"
        " self.stored.hexdigest() != one.sealed_sha256:\n",
        '        if False:\n            return "the plaintext digest differs"\n        if False:\n',
    ),
    Planted(
        "a part is sealed again whatever its bytes are", "pipeline/workers/once.py",
        "        elif known != sha256:\n            raise _changed()\n", "",
    ),
    Planted(
        "what a look finds gone is not listed again", "pipeline/looks/look_again.py",
        "            ctx.ledger.relist([*event.gone, *event.damaged])\n", "",
    ),
    Planted(
        "what a look finds damaged is left as it is", "pipeline/looks/look_again.py",
        "            ctx.ledger.relist([*event.gone, *event.damaged])\n",
        "            ctx.ledger.relist([*event.gone])\n",
    ),
    Planted(
        "a foreign object is not kept before ours takes its place", "pipeline/looks/restoring.py",
        "                self._keep(row, stored, intent.kept)\n", "",
    ),
    Planted(
        "an upload that is gone is taken for a completed object", "pipeline/workers/sending.py",
        "            return (Completed if done else Gone)(id=one.id, attempt=one.attempt)\n",
        "            return Completed(id=one.id, attempt=one.attempt)\n",
    ),
    Planted(
        "a decommission does not look again before a delete", "pipeline/decommission/erasing.py",
        "        return self._head(row) and self._head(row)\n", "        return None\n",
    ),
    Planted(
        "a decommission believes what was verified", "pipeline/decommission/recheck.py",
        "        if row.id in now.recheck.differing or not story.fresh(now, row.id, moment):\n",
        "        if row.id in now.recheck.differing:\n",
    ),
    Planted(
        "a decommission does not ask where consumers are led",
        "pipeline/decommission/undertaking.py",
        "    return None if text_digest(value) == now.new_sha256 else _POINTER\n",
        "    return None\n",
    ),
    Planted(
        "a delete has no intent", "pipeline/decommission/erasing.py",
        "        story.noted(now, intent)\n",
        "        now.take(now.since or '', intent.kind, intent)\n",
    ),
    Planted(
        "a finalization does not read the pointer", "pipeline/cutover/finalize.py",
        "    if (value := scene.back.led_to()) != scene.value:\n", "    if False:\n",
        Planted(
            "nor after it has listed the target", "pipeline/cutover/finalize.py",
            "    demand_switched(scene)\n", "",
        ),
    ),
    Planted(
        "an approval counts for every attempt", "evidence/signatures/approvals.py",
        '        (approval["attempt"] != subject.attempt, Why.OTHER_ATTEMPT),\n', "",
    ),
    Planted(
        "an intent of a cutover is not committed", "pipeline/cutover/scene.py",
        "        self.ledger.event(event)\n        self.ledger.commit()\n",
        "        self.ledger.event(event)\n",
    ),
    Planted(
        "a rollback has no intent", "pipeline/cutover/rollback.py",
        "            back.note(CutoverRollingBack(**back.about, user=back.user))\n",
        "            pass\n",
    ),
    Planted(
        "a switch without a receipt is taken for done", "pipeline/cutover/switch.py",
        "    value = back.led_to()\n    if value == back.value:\n",
        "    value = back.value\n    if value == back.value:\n",
    ),
    Planted(
        "a hold is not heard", "pipeline/cutover/switch.py",
        "    holder = scene.held()\n", "    holder = None\n",
    ),
    Planted(
        "a fence that was taken over is not noticed", "pipeline/fences/post.py",
        "        if now is None or now.metadata.get(ATTEMPT) != self._tag:\n",
        "        if now is None:\n",
    ),
    Planted(
        "a copy of a ledger may write", "pipeline/fences/fence.py",
        "    elif standing.shown.nonce in own.nonces:\n", "    elif standing.shown.nonce:\n",
    ),
    Planted(
        "a writer of an earlier epoch overwrites a later one", "pipeline/workers/sending.py",
        "        return epoch is not None and epoch < self._box.epoch\n",
        "        return epoch is not None\n",
        Planted(
            "a later epoch is not seen", "pipeline/workers/work.py",
            "        if epoch > self.epoch:\n"
            "            raise later_epoch(epoch, self.epoch)\n", "",
        ),
    ),
    Planted(
        "an amendment forgets what was moved", "pipeline/inventory/amending.py",
        "                if one.state not in MOVED:\n", "                if one.state:\n",
    ),
    Planted(
        "a commit does not wait for the disk", "ledger/database.py",
        '    "PRAGMA synchronous = FULL",\n', '    "PRAGMA synchronous = OFF",\n',
    ),
    Planted(
        "a ledger that was never made whole is refused", "ledger/database.py",
        "    return (*marks, tables) == (0, 0, CHECKSUM_BYTES, 0)\n", "    return False\n",
    ),
    Planted(
        "what killed exchanges left is not swept", "pipeline/rotation/rotating.py",
        "        self._sweep()\n        done = self._outcome()\n",
        "        done = self._outcome()\n",
        kind=LifeKind.REKEYED,
    ),
    Planted(
        "a host's word that a version is gone is believed", "pipeline/rotation/earlier_versions.py",
        "        return None if there is None else why\n", "        return None\n",
        kind=LifeKind.REKEYED,
    ),
    Planted(
        "what an attempt left is not counted as open", "ledger/exchanging.py",
        "state NOT IN (5, 6) AND attempt > 0", "state NOT IN (5, 6) AND attempt > 9",
        kind=LifeKind.REKEYED,
    ),
    Planted(
        "a pack that could not be copied keeps an exchange from its end",
        "pipeline/rotation/rotating.py",
        "                if self._thorough:\n                    raise\n",
        "                raise\n",
        kind=LifeKind.APART,
    ),
    Planted(
        "a header pack whose object was sent again stays as it was",
        "pipeline/own_files/header_packs.py",
        "        waits = self.pin_all(dataset)\n", "        waits = False\n",
        kind=LifeKind.APART,
    ),
    Planted(
        "a second copy is not read when it is there", "pipeline/own_files/folder_packs.py",
        "            if self._holds(path, row):\n                continue\n",
        "            if path.exists():\n                continue\n",
        kind=LifeKind.APART,
    ),
    Planted(
        "what an exchange left is not told with its portion", "pipeline/rotation/rotating.py",
        "                left=sorted(stays), lost=lost,\n", "                left=(), lost=lost,\n",
        kind=LifeKind.REKEYED,
    ),
    Planted(
        "an erasure leaves what the list of versions does not show",
        "pipeline/rotation/header_erasure.py",
        "            if stored.key not in keys:\n", "            if False:\n",
        also=Planted(
            "each pack that is known is asked for", "pipeline/rotation/header_erasure.py",
            "        for known in self._known():\n", "        for known in ():\n",
        ),
        kind=LifeKind.ERASED,
    ),
    Planted(
        "an erasure leaves earlier versions of packs, and does not look",
        "pipeline/rotation/header_erasure.py",
        "        for one in list(self._versions()):\n",
        "        for one in [one for one in self._versions() if one.latest]:\n",
        Planted(
            "what is there is not counted", "pipeline/rotation/header_erasure.py",
            "            found[KEPT if one.marker or self._is_ours(one) else STRANGE] += 1\n",
            "            found[STRANGE] += not self._is_ours(one)\n",
        ),
        kind=LifeKind.ERASED,
    ),
    Planted(
        "an erasure leaves the second copies", "pipeline/rotation/header_erasure.py",
        '    return path.suffix == ".jsonl" or path.name.startswith(PARTIAL)\n',
        "    return path.name.startswith(PARTIAL)\n",
        kind=LifeKind.ERASED,
    ),
    Planted(
        "a ledger leaves bytes of what it deletes", "ledger/database.py",
        '    "PRAGMA secure_delete = ON",\n', "",
        kind=LifeKind.ERASED,
    ),
    Planted(
        "an erasure asks for nobody's consent", "session/verbs/erase.py",
        "    if consent.given and consent.keys:\n", "    if consent.terms:\n",
        kind=LifeKind.ERASED,
    ),
    Planted(
        "an erasure does not look what the source has", "session/verbs/erase.py",
        "        lacks = source_lacks(ctx, erasure.dataset)\n", "        lacks = None\n",
        kind=LifeKind.ERASED,
    ),
    Planted(
        "what was erased is worked on by the next run", "pipeline/working_set.py",
        "if row.id not in erased]", "if row.id >= 0 or erased]",
        kind=LifeKind.ERASED,
    ),
    Planted(
        "an erasure is not told before it begins", "session/verbs/erase.py",
        "        )  # fmt: skip\n        ledger.commit()\n\n\ndef _demand_free(",
        "        )  # fmt: skip\n\n\ndef _demand_free(",
        kind=LifeKind.ERASED,
    ),
    Planted(
        "packs are not made anew of what is sealed anew", "pipeline/rotation/packs_anew.py",
        "                self._files.renew_near(dataset, keys)\n", "                del keys\n",
        Planted(
            "nor in the end", "pipeline/rotation/packs_anew.py",
            "            self._files.renew_all(dataset)\n", "            del dataset\n",
        ),
        kind=LifeKind.ERASED,
    ),
    Planted(
        "a revoked grant's pack stays where it is", "session/verbs/withdrawing.py",
        "        (place / pack.NAME).unlink()\n", "        (place / pack.NAME).stat()\n",
        kind=LifeKind.GRANTED,
    ),
    Planted(
        "a renewal leaves the earlier pack", "session/verbs/renew.py",
        "        found = withdraw(desk, account, about)\n", "        found = bool(about)\n",
        kind=LifeKind.GRANTED,
    ),
    Planted(
        "a grant is given without consent", "session/verbs/grant.py",
        "        if not consent.given:\n", "        if False:\n",
        kind=LifeKind.GRANTED,
    ),
    Planted(
        "a pack that names objects as they were is called fresh", "session/policy/freshness.py",
        'pin = f"{row.id} {row.stored_size} {row.etag} {row.version_id}\\n"',
        'pin = f"{row.id} {row.stored_size}\\n"',
        kind=LifeKind.GRANTED,
    ),
    Planted(
        "a reader does not ask whether a grant is over", "access/opened.py",
        "        if not moment.before(self.given.until):\n", "        if False:\n",
        kind=LifeKind.GRANTED,
    ),
    Planted(
        "a waiver counts after its last day", "session/policy/waivers.py",
        '    if fields["until"] < now.last_day:\n', "    if False:\n",
        Planted(
            "nor does the journal leave it out", "session/policy/kept_waivers.py",
            "for one in found if one.until >= last}\n", "for one in found if last is not one}\n",
        ),
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a waiver covers what was found after it", "session/policy/excuses.py",
        "any(what == asked and made_at >= at for", "any(what == asked and made_at for",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a waiver covers findings of every code", "session/policy/excuses.py",
        "any(what == asked and made_at >= at for", "any(what and made_at >= at for",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a waiver is anybody's to sign", "session/policy/waivers.py",
        "    signer = next((key for key in keys if is_signed_by(envelope, key)), None)\n",
        "    signer = next((one for one in (*keys, *own) if is_signed_by(envelope, one)), None)\n",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a finding that nobody waived holds no switch", "pipeline/cutover/gates.py",
        "*_moved(scene, now), *held_against(scene), *closed,", "*_moved(scene, now), *closed,",
        Planted(
            "nor right before it", "pipeline/cutover/switch.py",
            "[*gates.held_against(scene, waived)]", "[]",
        ),
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "the journal does not have the waivers that count", "session/policy/kept_waivers.py",
        "        signed=tuple(counted[digest] for digest in digests if digest not in known),\n",
        "        signed=tuple(counted[digest] for digest in known & counted.keys()),\n",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a write trial that went through is not heard", "pipeline/cutover/freeze.py",
        "        if not refusal.proven:\n", "        if False:\n", kind=LifeKind.MONTHS,
    ),
    Planted(
        "a refused write is believed", "pipeline/cutover/freeze.py",
        "    if refusal.proven and _is_there(scene, dataset, name):\n", "    if False:\n",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "no write is tried at the source", "pipeline/cutover/freeze.py",
        "        how = _tried(scene, scene.probe)\n", "        how = FreezeTrials(trials=())\n",
        Planted(
            "nor right before the switch", "pipeline/cutover/start.py",
            "    freeze.try_once_more(scene)\n", "",
        ),
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a write trial has no intent", "pipeline/cutover/freeze.py",
        "    scene.note(CutoverProbing(", "    scene.ledger.event(CutoverProbing(",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "what a refused write left is forgotten", "pipeline/cutover/freeze.py",
        "        _clear(scene, probe, dataset, name)\n        refusal = ", "        refusal = ",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "what a killed write trial left is not removed", "pipeline/cutover/freeze.py",
        "    for trial in now.probes:\n", "    for trial in now.probes[:0]:\n",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "what a trial left is not looked for where a statement is asked for by now",
        "pipeline/cutover/freeze.py",
        "        elif _is_there(scene, dataset, trial.name):\n", "        elif False:\n",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "nobody need state that writers are stopped", "pipeline/cutover/freeze.py",
        "    if not consent.given:\n", "    if False:\n",
        Planted(
            "nor right before the switch", "pipeline/cutover/switch.py",
            "    if scene.probe is None:\n", "    if False:\n",
        ),
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "an approval that has ended counts", "evidence/signatures/approvals.py",
        '        (not now.before(approval["expires"]), Why.EXPIRED),\n', "", kind=LifeKind.MONTHS,
    ),
    Planted(
        "an approval that was withdrawn counts", "evidence/signatures/approvals.py",
        "            if not isinstance(found, Why) and (digest, who.fingerprint) in gone:\n",
        "            if False:\n", kind=LifeKind.MONTHS,
    ),
    Planted(
        "an approval is anybody's to sign", "evidence/signatures/approvals.py",
        "            yield who, Why.BAD_SIGNATURE if asked and claimed else Why.UNKNOWN_KEY,",
        '            yield _Who("x", "x"), read_approval(payload) or Why.MALFORMED,',
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a switch does not ask for the host's attestation", "pipeline/cutover/gates.py",
        "    closed = scene.attested()\n", "    closed = list[str]()\n", kind=LifeKind.MONTHS,
    ),
    Planted(
        "a switch does not look at the buckets' rules", "pipeline/cutover/gates.py",
        "        reasons += [*unfit(scene), *_target(scene), *_smoke(scene)]\n",
        "        reasons += [*_target(scene), *_smoke(scene)]\n", kind=LifeKind.MONTHS,
    ),
    Planted(
        "a finalization does not ask for the host's attestation", "pipeline/cutover/finalize.py",
        "    closed = scene.attested()\n", "    closed = list[str]()\n", kind=LifeKind.MONTHS,
    ),
    Planted(
        "a finalization does not look at the buckets' rules", "pipeline/cutover/finalize.py",
        "        reasons += gates.unfit(scene)\n", "        pass\n", kind=LifeKind.MONTHS,
    ),
    Planted(
        "a finalization does not list the source", "pipeline/cutover/finalize.py",
        "source_since(scene), None\n",
        '{"new": 0, "changed": 0, "gone": 0, "unread": None}, None\n', kind=LifeKind.MONTHS,
    ),
    Planted(
        "a decommission does not ask for the host's attestation",
        "pipeline/decommission/undertaking.py",
        "    closed = story.attested()\n", "    closed = list[str]()\n", kind=LifeKind.MONTHS,
    ),
    Planted(
        "a decommission does not look at the buckets' rules",
        "pipeline/decommission/undertaking.py",
        "(*story.unfit(), *story.fenced())", "story.fenced()", kind=LifeKind.MONTHS,
    ),
    Planted(
        "what a delta moves is switched to as approved before", "pipeline/cutover/start.py",
        "    switch(scene, scene.standing(), settled)\n",
        "    switch(scene, scene.standing(), root)\n",
        Planted(
            "nor is it approved anew", "pipeline/cutover/start.py",
            "    if settled != root:\n", "    if False:\n",
            Planted(
                "nor are earlier approvals void", "pipeline/projections/standing.py",
                '"cutover": (self.times.get("rolled-back"), self.moved_at),',
                '"cutover": (self.times.get("rolled-back"),),',
            ),
        ),
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a finalization asks for nobody's consent", "pipeline/cutover/finalize.py",
        '    consent = let_through(scene, "finalize", root)\n',
        '    consent = scene.consent("finalize", root)\n', kind=LifeKind.MONTHS,
    ),
    Planted(
        "a decommission asks for nobody's consent", "pipeline/decommission/undertaking.py",
        '    if not consent.given:\n        story.waits("approval"',
        '    if False:\n        story.waits("approval"',
        Planted(
            "nor before it begins", "pipeline/decommission/undertaking.py",
            "    if not consent.given:\n        raise _unapproved(",
            "    if False:\n        raise _unapproved(",
        ),
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a decommission hears no hold", "pipeline/decommission/undertaking.py",
        "    if (holder := story.held()) is not None:\n", "    if (holder := None) is not None:\n",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "status sees no work that is left", "session/views/verdict.py",
        '    return bool(batch["amounts"]["waiting"]["objects"]) or not',
        '    return bool(batch["waits"]) and not',
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "status names no command", "session/views/status.py",
        '    found["next"] = next_steps(found, reported=reported)\n',
        '    found["next"] = next_steps(found, reported=reported)[:0]\n',
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a report leaves out a finding", "session/views/records.py",
        "    for found in ledger.findings():\n        yield {\n",
        "    for found in list(ledger.findings())[1:]:\n        yield {\n",
    ),
    Planted(
        "a report leaves out what failed", "session/views/records.py",
        'if row["state"] is not State.EXCLUDED:\n                yield _record(',
        'if row["state"] is State.VERIFIED:\n                yield _record(',
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a report calls a match what is none", "session/views/records.py",
        '    verdict = row["verdict"]\n', '    verdict = "match"\n', kind=LifeKind.MONTHS,
    ),
    Planted(
        "a report leaves out the newest event", "session/verbs/report.py",
        "Watched(ledger.journal(), _kept(desk))", "Watched(list(ledger.journal())[:-1], {})",
    ),
    Planted(
        "a report leaves out what was deleted", "pipeline/projections/facts.py",
        '"outcomes": dict(sorted(erasure.outcomes.items())),', '"outcomes": {},',
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a report tells of every cutover that it stands open", "pipeline/projections/facts.py",
        '"stage": str(story.stage),', '"stage": str(standing.CutoverStage.OPEN),',
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "a rehearsal does not go back", "pipeline/cutover/rehearse.py",
        '    written = roll_back(scene)["written"]\n', "    written = None\n",
        kind=LifeKind.MONTHS,
    ),
    Planted(
        "what a look found waits though it was judged", "evidence/lines/harm.py",
        "self._looks[batch, number] = max(known, objects)", "self._looks[batch, number] = known",
        kind=LifeKind.JUDGED,
    ),
    Planted(
        "somebody's pause is not heard", "session/verbs/run.py",
        "    if by is not None:\n        raise RunPaused(",
        "    if False:\n        raise RunPaused(",
        Planted(
            "nor by a run's course", "pipeline/pace/course.py",
            "        if by is None or not self._obeys:\n",
            "        if by is None or self._obeys:\n",
        ),
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "what people told a run is not journalled", "pipeline/pace/course.py",
        "        for one in new:\n", "        for one in new[1:]:\n",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "what people told a run is journalled by the next one again", "pipeline/pace/course.py",
        "json.dumps([one.id for one in said]))\n", "json.dumps([one.id for one in said[1:]]))\n",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "workers are not told of somebody's limit", "pipeline/pace/course.py",
        '        return limit.rate, "limit"\n', '        return planned, "limit"\n',
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "an object is opened before that is written down", "session/verbs/fetch.py",
        "    openings.note(desk.ledger_path, taken, opening)\n", "",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "an opening is taken in and not told", "session/policy/openings.py",
        "            ledger.event(line.event())\n", "            line.event()\n",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "openings are told again by each verb", "session/policy/openings.py",
        '        ledger.set_meta(_TAKEN, f"{number} {digest}")\n', "",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "what failed half-way keeps its name", "session/verbs/fetch.py",
        "        handle = os.open(out.parent, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600)\n",
        "        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)\n",
        Planted("its name is taken", "session/verbs/fetch.py",
                "        _name(handle, out)\n", ""),
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "a view of the target does not tell what is missing", "session/verbs/restore_view.py",
        "        found.missing()\n", "",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "a notice that was refused counts as delivered", "session/verbs/notifying.py",
        "if (why := self.try_once(one.notice, one.document)) is None:",
        "if (why := self.try_once(one.notice, one.document)) is not self:",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "what came of a notice is not journalled", "session/verbs/journalling_notices.py",
        "            ledger.event(_event(one))\n", "            _event(one)\n",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "archived objects are asked for without an intent", "pipeline/inventory/rehydrating.py",
        "        ledger.commit()\n        replies = ", "        replies = ",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "what is on its way is asked for again", "pipeline/inventory/rehydrating.py",
        "if at is Archived.ARCHIVED]", "if at in {Archived.ARCHIVED, Archived.COMING}]",
        kind=LifeKind.ATTENDED,
    ),
    Planted(
        "what three machines were lost with is given to a fourth", "pipeline/queue.py",
        "        return len(workers) >= (MACHINES_MAX if lost.machine else LOSSES_MAX)\n",
        "        return False\n", kind=LifeKind.CLUSTERED,
    ),
    Planted(
        "what one machine was lost with is left out", "pipeline/queue.py",
        "        return len(workers) >= (MACHINES_MAX if lost.machine else LOSSES_MAX)\n",
        "        return True\n", kind=LifeKind.CLUSTERED,
    ),
    Planted(
        "a bucket is changed without an intent", "session/verbs/provision.py",
        "        ledger.event(BucketProvisioning(bucket=bucket, step=step))\n"
        "        ledger.commit()\n",
        "        ledger.event(BucketProvisioning(bucket=bucket, step=step))\n",
        kind=LifeKind.PREPARED,
    ),
    Planted(
        "what a last look at a bucket's rules shows is not kept", "targets/provisioning.py",
        "        if now == there:\n", "        if now is not None:\n",
        kind=LifeKind.PREPARED,
    ),
    Planted(
        "settings that are kept replace those of the same second", "session/verbs/provision.py",
        "            write_whole(path, text)\n",
        "            write_whole(path, text, replace=True)\n",
        kind=LifeKind.PREPARED,
    ),
    Planted(
        "a host's word that a setting is made is believed", "targets/provisioning.py",
        "    again = _seen(endpoint, wish, rule)\n    done = _came_of(refused, again.seen,"
        ' f"failed: {refused}", ok=again.holds)\n    return step(done, ok=again.holds)\n',
        "    return step(DONE, ok=True)\n",
        kind=LifeKind.PREPARED,
    ),
)  # fmt: skip


def hunt(fault: Planted, *, seconds: float = SECONDS) -> Hunted:
    """Let lives be lived with a fault in the code until one is broken or the time is over."""
    with tempfile.TemporaryDirectory(prefix="planted-") as name:
        tree = Path(name)
        for folder in ("hdh_migrate", "tests", "docs/schemas"):
            ignored = shutil.ignore_patterns("__pycache__", "golden", "live")
            shutil.copytree(ROOT / folder, tree / folder, ignore=ignored)
        fault.plant(tree / "hdh_migrate")
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "tests.campaign.lives", "--seconds", str(seconds), "--first",
             "--seed", str(fault.kind.seed(1))],
            cwd=tree, env={**os.environ, "PYTHONPATH": name, "PYTHONSAFEPATH": ""},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        took = time.monotonic() - began
    story, _, last = done.stdout.strip("\n").rpartition("\n")
    lives, *found = last.split("\t")
    if done.returncode not in (0, 1) or len(found) != 2:
        why = (story or done.stderr).strip()[-2000:]
        return Hunted(fault, None, 0, took, "", story, why or f"exit code {done.returncode}")
    seed, said = found
    return Hunted(fault, int(seed) if seed else None, int(lives), took, said, story)


def table(hunted: list[Hunted]) -> Iterator[str]:
    """Yield the rows of a Markdown table of what found each fault."""
    yield "| planted fault | file | found by | lives | seconds |"
    yield "|---|---|---|---|---|"
    for one in hunted:
        found = f"{one.found_by} (seed {one.seed})"
        if one.seed is None:
            found = "**the simulator failed**" if one.trouble else "**not found**"
        yield (
            f"| {one.fault.name} | `{one.fault.file}` | {found} | {one.lives} | {one.seconds:.0f} |"
        )


def main(names: list[str]) -> int:
    """Hunt all planted faults, or those whose names hold one of these words; print the table."""
    wanted = [one for one in PLANTED if not names or any(name in one.name for name in names)]
    missed = 0
    for number, fault in enumerate(wanted):
        found = hunt(fault)
        missed += found.seed is None
        sys.stderr.write(f"{found.story}\n{found.trouble}\n")
        sys.stdout.write("\n".join(list(table([found]))[2 * (number > 0) :]) + "\n")
        sys.stdout.flush()
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
