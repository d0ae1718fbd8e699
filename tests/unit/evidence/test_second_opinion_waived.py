"""The two verifiers agree on waivers as they were signed, 8.16: one broken rule each.

Most are an insider's: who holds the report key and the ledger, and no key of who may waive.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.outcome import WAIVED, WAIVED_BY_WORD, Outcome
from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.unit.evidence.builders import signer
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import (
    Change,
    World,
    accepted,
    body,
    both,
    gone,
    hour,
    insert_before,
    laid,
    place_of,
    refused,
    tell,
    untold,
)
from tests.unit.evidence.worlds_signed import PILOT, digest, stated
from tests.unit.evidence.worlds_waived import (
    KIND,
    Payload,
    again,
    counted,
    key,
    name_of,
    statement,
    waived,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dpo(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("dpo"), "dpo")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("stranger"), "eve")


def examined(desk: Desk, made: World) -> Outcome:
    desk.lay(laid(desk, made))
    return examine(desk.folder, [desk.keys[0].verifier])


def of(by: Signer, **said: Any) -> World:
    """Return the world whose waiver says something else, signed by who may."""
    made = waived(by)
    return waived(by, statement(made, **said))


def changed(by: Signer, *changes: Change) -> World:
    made = waived(by)
    both(*changes)(made)
    return stated(made)


def test_a_waiver_that_was_signed_is_taken(desk: Desk, dpo: Signer) -> None:
    worlds = {
        "as it is": waived(dpo),
        "on its last day": of(dpo, until="2026-03-02"),
        "made when it was found": of(dpo, made_at=hour(21)),
        "told again": changed(
            dpo, lambda made: insert_before("cutover-switched", 0, *again(made, hour(24)))(made)
        ),
        "none counts any more, after all": changed(
            dpo,
            lambda made: made["journal.jsonl"].append(again(made, hour(27), counted=[], keys=[])),
            lambda made: made["predicate"].update(waivers=[]),
        ),
    }
    assert accepted(desk, worlds) == [*worlds]
    outcome = examined(desk, waived(dpo))
    assert WAIVED.format(1) in outcome.checked


# an insider ---------------------------------------------------------------------------------------


def test_a_waiver_is_signed_by_who_may(desk: Desk, dpo: Signer, stranger: Signer) -> None:
    def named(made: World) -> None:
        """The event names the stranger as one who may, and no terms do."""
        keys = sorted([key(dpo), key(stranger)], key=lambda one: str(one["fingerprint"]))
        body(made, "waivers-counted").update(keys=keys)

    def reporter(made: World) -> None:
        fingerprint = f"ed25519:{dpo.verifier.fingerprint}"
        body(made, "contents")["files"]["report.signer"] = fingerprint

    def another_signature(made: World) -> None:
        other = dpo.sign(KIND, canonical_json(statement(made, what="finding.drifted")))
        body(made, "waivers-counted")["signed"][0]["signatures"] = other["signatures"]

    def other_terms(made: World) -> None:
        terms = {**body(made, "cutover-terms")["terms"], "waivers": [key(stranger)]}
        body(made, "cutover-terms")["terms"] = terms
        for kind in ("cutover-switching", "cutover-finalized"):
            body(made, kind)["terms"] = digest(terms)

    by_stranger = waived(dpo, signer=stranger)
    outside = waived(dpo, signer=stranger)
    named(outside)
    worlds = {
        "by somebody else": by_stranger,
        "by somebody whom only the event names": outside,
        "by who signs reports": changed(dpo, reporter),
        "the signature of another waiver": changed(dpo, another_signature),
        "terms that name somebody else": changed(dpo, other_terms),
        "the key of another fingerprint": changed(
            dpo,
            tell("waivers-counted", keys=[{**key(dpo), "public": key(stranger)["public"]}]),
        ),
    }
    assert accepted(desk, worlds) == []


def test_a_key_waives_until_the_day_that_terms_say(desk: Desk, dpo: Signer) -> None:
    """An insider may not lengthen it in the event: some terms say the same of this key."""

    def until(event: str | None, fixed: str | None, *, another: str | None = None) -> World:
        def ends(made: World) -> None:
            body(made, "waivers-counted")["keys"] = [key(dpo, event)]
            terms = {**body(made, "cutover-terms")["terms"], "waivers": [key(dpo, fixed)]}
            body(made, "cutover-terms")["terms"] = terms
            for kind in ("cutover-switching", "cutover-finalized"):
                body(made, kind)["terms"] = digest(terms)
            if another is not None:
                others = {**PILOT, "batch": "imaging", "beside": []}
                others["terms"] = {**terms, "waivers": [key(dpo, another)]}
                insert_before("cutover-terms", 0, "cutover-terms", hour(20), others)(made)

        return changed(dpo, ends)

    worlds = {
        "on its last day": until("2026-03-02", "2026-03-02"),
        "as terms of another batch say": until("2026-03-03", "2026-03-02", another="2026-03-03"),
        "longer than the terms say": until("2026-03-03", "2026-03-02"),
        "without an end that the terms have": until(None, "2026-03-02"),
        "with an end that the terms have not": until("2026-03-02", None),
        "after that day": until("2026-03-01", "2026-03-01"),
    }
    assert accepted(desk, worlds) == ["on its last day", "as terms of another batch say"]


def test_terms_and_counted_waivers_have_one_public_key(
    desk: Desk, dpo: Signer, stranger: Signer
) -> None:
    def other(made: World) -> None:
        keys = [{**key(dpo), "public": key(stranger)["public"]}]
        made["journal.jsonl"].append(again(made, hour(27), counted=[], keys=keys))
        made["predicate"].update(waivers=[])

    assert accepted(desk, {"of nobody whose waivers count": changed(dpo, other)}) == []


def test_a_waiver_lets_go_what_it_is_about(desk: Desk, dpo: Signer) -> None:
    other = statement(waived(dpo), what="finding.drifted")

    def exchanged(made: World) -> None:
        """Both are signed, and the switch names the one that is about something else."""
        first = body(made, "waivers-counted")
        more = counted(dpo, other)
        first["counted"] = sorted([*first["counted"], *more["counted"]])
        first["signed"] += more["signed"]
        body(made, "cutover-switching")["waivers"] = more["counted"]

    worlds = {
        "of another code": of(dpo, what="finding.drifted"),
        "of a condition": of(dpo, what="attestation"),
        "made before it was found": of(dpo, made_at="2026-03-02T08:00:20.999Z"),
        "exchanged": changed(dpo, exchanged),
        "named by nobody": changed(dpo, tell("cutover-switching", waivers=[])),
        "for another plan": waived(dpo, {
            **statement(waived(dpo)), "subject": [{"name": "plan", "digest": {"sha256": "0" * 64}}],
        }),
        "whose day was over": of(dpo, until="2026-03-01"),
    }  # fmt: skip
    assert accepted(desk, worlds) == []
    one_more = changed(dpo, exchanged)
    body(one_more, "cutover-switching")["waivers"] = body(one_more, "waivers-counted")["counted"]
    assert accepted(desk, {"both": one_more}) == ["both"]


def test_a_waiver_whose_day_ended_since_it_was_told_counts_no_more(desk: Desk, dpo: Signer) -> None:
    """The journal's days went on, and the switch came later: the day before it is over."""

    def later(made: World) -> None:
        at = place_of(made, "cutover-switching")
        for event in made["journal.jsonl"][at:]:
            event[1] = event[1].replace("2026-03-02", "2026-03-03")
            if event[0] == "cutover-open":
                event[2]["until"] = "2026-03-03T08:00:25Z"
        made["journal.jsonl"].insert(at, ["asked", "2026-03-03T00:00:00Z", {}])
        made["predicate"]["times"]["written"] = "2026-03-03T09:00:00Z"
        made["predicate"]["waivers"] = []

    ended = of(dpo, until="2026-03-02")
    later(ended)
    lasting = waived(dpo)
    later(lasting)
    worlds = {"ended": stated(ended), "lasting": stated(lasting)}
    assert accepted(desk, worlds) == ["lasting"]


def test_what_rests_on_waivers_names_those_that_the_journal_has(desk: Desk, dpo: Signer) -> None:
    names = {"waivers": ["0" * 64]}
    worlds = {
        "a waiver that nobody told": changed(dpo, tell("cutover-switching", **names)),
        "one at the end": changed(dpo, tell("cutover-finalized", **names)),
        "one twice": changed(
            dpo, lambda made: body(made, "cutover-finalized")["waivers"].append(
                body(made, "cutover-finalized")["waivers"][0]
            ),
        ),
        "its event removed": changed(dpo, gone("waivers-counted")),
        "its envelope removed": changed(dpo, tell("waivers-counted", signed=[])),
        "told and not counted": changed(dpo, tell("waivers-counted", counted=[])),
        "told twice": changed(
            dpo,
            lambda made: made["journal.jsonl"].append(
                again(made, hour(27), signed=body(made, "waivers-counted")["signed"])
            ),
        ),
        "told after": changed(dpo, lambda made: made["journal.jsonl"].append(
            made["journal.jsonl"].pop(place_of(made, "waivers-counted"))
        )),
        "it had ceased to count": changed(dpo, lambda made: insert_before(
            "cutover-switching", 0, *again(made, hour(24), counted=[])
        )(made)),
        "the key had ceased to": changed(dpo, lambda made: insert_before(
            "cutover-finalized", 0, *again(made, hour(25), keys=[])
        )(made)),
        "the plan was changed": changed(
            dpo,
            lambda made: insert_before(
                "cutover-finalized", 0, "plan-changed", hour(25),
                {"was": made["journal.jsonl"][0][2]["plan_digest"], "now": "0" * 64},
            )(made),
        ),
        **{
            f"{kind} says nothing": changed(dpo, untold(kind, 0, "waivers"))
            for kind in ("cutover-switching", "cutover-finalized")
        },
        "neither does": changed(
            dpo, untold("cutover-switching", 0, "waivers"),
            untold("cutover-finalized", 0, "waivers"),
        ),
        "null": changed(dpo, tell("cutover-finalized", waivers=None)),
    }  # fmt: skip
    assert accepted(desk, worlds) == []


def test_a_finding_that_holds_nothing_up_needs_no_waiver(desk: Desk, dpo: Signer) -> None:
    def found(**members: Any) -> World:
        made = changed(dpo, tell("cutover-switching", waivers=[]))
        body(made, "findings", 2)["opened"][0].update(members)
        line = {name: one for name, one in members.items() if name != "object"}
        made["findings.jsonl"][-1].update(line)
        return made

    worlds = {
        "a note": found(severity="note"),
        "of another batch": found(dataset="scans", object=9),
        "of nothing": found(dataset=None, object=None),
        "a blocker": found(severity="blocker"),
    }
    worlds["of another batch"]["findings.jsonl"][-1].update(key="x")
    worlds["of nothing"]["findings.jsonl"][-1].update(key=None)
    assert accepted(desk, worlds) == ["a note", "of another batch", "of nothing"]


def test_the_statement_names_those_that_count(desk: Desk, dpo: Signer, stranger: Signer) -> None:
    def stating(**members: Any) -> World:
        made = waived(dpo)
        made["predicate"]["waivers"][0].update(members)
        return made

    def silent(made: World) -> None:
        made["journal.jsonl"].append(again(made, hour(27), counted=[]))

    worlds = {
        "another reason": stating(reason="none"),
        "a longer one": stating(until="2026-04-30"),
        "another key": stating(key_id=stranger.verifier.key_id),
        "made at another time": stating(made_at=hour(23)),
        "another": stating(what="attestation"),
        "it counts no more": changed(dpo, silent),
    }
    assert accepted(desk, worlds) == []
    same = {"of another file": stating(file="b", sha256="cd" * 32)}
    assert accepted(desk, same) == [*same]


def test_a_journal_of_before_says_what_is_its_word_alone(desk: Desk, dpo: Signer) -> None:
    early = changed(
        dpo, gone("waivers-counted"), untold("ledger-named", 0, "waivers"),
        untold("cutover-switching", 0, "waivers"), untold("cutover-finalized", 0, "waivers"),
    )  # fmt: skip
    assert accepted(desk, {"early": early}) == ["early"]
    outcome = examined(desk, early)
    assert WAIVED_BY_WORD.format(2) in outcome.open  # the switch, and the statement's own


def test_the_form_of_what_is_kept(desk: Desk, dpo: Signer) -> None:
    def signed(change: Callable[[Payload], Any]) -> World:
        return waived(dpo, change(statement(waived(dpo))))

    def envelope(change: Callable[[Any], Any]) -> World:
        made = waived(dpo)
        place = body(made, "waivers-counted")["signed"]
        place[0] = change(place[0])
        return made

    def respelled(made: World) -> World:
        """The dpo signed another spelling, and everything names it by its own digest."""
        text = json.dumps(statement(made)).encode()
        one = dpo.sign(KIND, text)
        name = sha256_hex(text)
        body(made, "waivers-counted").update(counted=[name], signed=[one])
        for kind in ("cutover-switching", "cutover-finalized"):
            body(made, kind)["waivers"] = [name]
        return made

    def predicate(**members: Any) -> Callable[[Payload], Any]:
        return lambda it: {**it, "predicate": {**it["predicate"], **members}}

    worlds = {
        "another spelling": respelled(waived(dpo)),
        "another type": signed(lambda it: {**it, "predicateType": "urn:other"}),
        "another statement": signed(lambda it: {**it, "_type": "https://in-toto.io/Statement/v0"}),
        "two plans": signed(lambda it: {**it, "subject": it["subject"] * 2}),
        "a subject of another name": signed(
            lambda it: {**it, "subject": [{**it["subject"][0], "name": "p"}]}
        ),
        "one more digest": signed(lambda it: {**it, "subject": [{
            "name": "plan", "digest": {**it["subject"][0]["digest"], "sha1": "0"},
        }]}),
        "a member more": signed(lambda it: {**it, "more": 1}),
        "more in it": signed(predicate(more=1)),
        "no day": signed(predicate(until="soon")),
        "no moment": signed(predicate(made_at="2026-03-02")),
        "no reason": signed(predicate(reason="")),
        "too long": signed(predicate(reason="x" * 8192)),
        "a member more beside it": envelope(lambda it: {**it, "more": 1}),
        "another kind": envelope(lambda it: {**it, "payloadType": "text/plain"}),
        "nobody signed": envelope(lambda it: {**it, "signatures": []}),
        "two signed": envelope(lambda it: {**it, "signatures": it["signatures"] * 2}),
        "no name of a key": envelope(
            lambda it: {**it, "signatures": [{"sig": it["signatures"][0]["sig"]}]}
        ),
        "no signature": envelope(lambda it: {**it, "signatures": [
            {**it["signatures"][0], "sig": b64encode(bytes(64)).decode()},
        ]}),
        "a number": envelope(lambda _: 7),
        **{
            f"{name} is {value!r}": changed(dpo, tell("waivers-counted", **{name: value}))
            for name in ("keys", "counted", "signed")
            for value in (None, {}, "x", [7], [[]])
        },
        "no until": changed(dpo, tell("waivers-counted", keys=[
            {name: one for name, one in key(dpo).items() if name != "until"},
        ])),
        "a key twice": changed(dpo, tell("waivers-counted", keys=[key(dpo), key(dpo)])),
        "named otherwise": changed(dpo, tell("ledger-named", waivers="kept")),
    }  # fmt: skip
    assert accepted(desk, worlds) == []


def test_each_refusal_is_for_its_rule(desk: Desk, dpo: Signer, stranger: Signer) -> None:
    refused(
        desk,
        waived(dpo),
        {
            "removed": (gone("waivers-counted"), "a waiver that does not count"),
            "silent": (
                untold("cutover-switching", 0, "waivers"),
                "without the waivers that it rests on",
            ),
            "nobody waived": (tell("cutover-switching", waivers=[]), "that nobody waived"),
            "by no terms": (tell("waivers-counted", keys=[key(stranger)]), "by no terms"),
            "a name": (tell("cutover-finalized", waivers=[name_of({})]), "does not count"),
        },
    )


def test_terms_of_another_batch_bind_who_waives(desk: Desk, dpo: Signer, stranger: Signer) -> None:
    """Whom one batch's terms do not name waives for none."""
    other = {"approvers": [], "thresholds": {}, "waivers": [key(stranger)]}
    imaging = {**PILOT, "batch": "imaging"}
    made = changed(dpo, insert_before(
        "waivers-counted", 0, "cutover-terms", hour(22), {**imaging, "terms": other, "beside": []}
    ))  # fmt: skip
    after = changed(dpo, insert_before(
        "cutover-finalized", 0, "cutover-terms", hour(25), {**imaging, "terms": other, "beside": []}
    ))  # fmt: skip
    assert accepted(desk, {"before": deepcopy(made), "after": after}) == ["after"]
