"""Grants for the second verifier: section 8.12, their events' forms and the order of them.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from hashlib import sha256

from tests.support.second_bodies import Event
from tests.support.second_forms import RULES, Json, canonical, is_count, is_digest, is_text, need

TEXTS = {
    "asked": ["grant", "batch", "permit", "purpose", "reader", "user"],
    "adopted": ["grant", "origin"],
    "given": ["grant"],
    "dropped": ["grant"],
    "revoked": ["grant", "reason", "user"],
    "stale": ["grant"],
    "pack-withdrawn": ["grant"],
    "closed-by-hand": ["grant", "how", "user"],
    "policy-setting": ["grant", "bucket", "principal"],
    "policy-set": ["grant", "bucket", "principal"],
}
DIGESTS = {"adopted": ["statement"], "asked": ["key", "manifest", "request"], "given": [
    "root", "pack_sha256", "statement_sha256",
]}  # fmt: skip
FLAGS = {"pack-withdrawn": "found", "policy-setting": "allowed", "policy-set": "allowed"}
BEFORE = "grant-"
SAME_AFTER_RENEWAL = ("dataset", "batch", "permit", "purpose", "key", "until")


def check_grant_form(event: Event, names: set[str], keyed: bool) -> None:
    """The form of one event; beside keyed names it is not looked at."""
    kind, _, body = event
    what = kind.removeprefix(BEFORE)
    if keyed or not kind.startswith(BEFORE) or what not in TEXTS:
        return
    for name in TEXTS[what]:
        need(is_text(body.get(name)), f"{kind}: {name}")
    for name in DIGESTS.get(what, []):
        need(is_digest(body.get(name)), f"{kind}: {name}")
    if what in FLAGS:
        need(isinstance(body.get(FLAGS[what]), bool), f"{kind}: {FLAGS[what]}")
    if what == "policy-set":
        need("sha256" in body, "grant-policy-set: sha256")
        need(body["sha256"] is None or is_digest(body["sha256"]), "grant-policy-set: sha256")
    elif what == "given":
        approvals = body.get("approvals")
        need(isinstance(approvals, list) and all(map(is_digest, approvals)), f"{kind}: approvals")
        need(is_count(body.get("objects")) and is_count(body.get("bytes")), f"{kind}: amounts")
    elif what == "stale":
        why = body.get("why")
        known = ("rotated", "replaced", "unverified")
        need(isinstance(why, list) and all(one in known for one in why), "grant-stale: why")
    elif what == "asked":
        check_asked(body, names)
    elif what == "adopted":
        check_adopted(body, names)


def check_asked(body: dict[str, Json], names: set[str]) -> None:
    dataset = body.get("dataset")
    need(isinstance(dataset, str) and dataset in names, "grant-asked: dataset")
    need(RULES["moment"](body.get("until")), "grant-asked: until")
    need("selection" in body, "grant-asked: selection")
    need(body["selection"] is None or is_digest(body["selection"]), "grant-asked: selection")
    need(is_count(body.get("objects")) and body["objects"] >= 1, "grant-asked: objects")
    need(is_count(body.get("bytes")), "grant-asked: bytes")
    print_of = sha256(bytes.fromhex(body["key"])).hexdigest()[:16]
    need(body["reader"] == f"c4gh:{print_of}", "grant-asked: another reader than its key's")
    rest = {name: value for name, value in body.items() if name not in ("request", "user")}
    need(body["request"] == sha256(canonical(rest)).hexdigest(), "grant-asked: request")


def check_grants(events: list[Event], batches: dict[str, str]) -> None:
    """What may follow upon what; a grant that was given stays so when it is revoked."""
    asked: dict[str, dict[str, Json]] = {}
    past: dict[str, set[str]] = {}
    setting: dict[tuple[str, str], tuple[str, bool]] = {}
    for kind, _, body in events:
        what = kind.removeprefix(BEFORE)
        if not kind.startswith(BEFORE) or what not in TEXTS:
            continue
        grant = body["grant"]
        if what == "adopted":
            need(grant not in asked, "grant-adopted: it is known already")
            asked[grant], past[grant] = body["asked"], {"given"}
            continue
        if what == "asked":
            need(grant not in asked, "grant-asked: twice")
            need(body["batch"] == batches[body["dataset"]], "grant-asked: of another batch")
            if "renews" in body:
                check_renewable(body["renews"], past)
                first = asked[body["renews"]]
                same = all(body[name] == first[name] for name in SAME_AFTER_RENEWAL)
                need(same, "grant-asked: a renewal changes what it must not")
            asked[grant], past[grant] = body, set()
            continue
        need(grant in asked, f"{kind}: nobody asked for it")
        was = past[grant]
        if what == "given":
            need(not was & {"given", "dropped", "revoked"}, "grant-given: too late, or twice")
            amounts = [(one["objects"], one["bytes"]) for one in (body, asked[grant])]
            need(amounts[0] == amounts[1], "grant-given: other amounts")
            if "renews" in asked[grant]:
                check_renewable(asked[grant]["renews"], past)
                past[asked[grant]["renews"]].add("renewed")
        elif what == "stale":
            good = "given" in was and not was & {"revoked", "renewed"}
            need(good, "grant-stale: of a grant that does not stand")
        elif what == "dropped":
            need(not was & {"given", "dropped", "revoked"}, "grant-dropped: too late, or twice")
        elif what == "revoked":
            over = was & {"dropped", "revoked", "renewed"}
            need(not over, "grant-revoked: of a dropped or renewed one, or twice")
        elif what == "closed-by-hand":
            need("revoked" in was, "grant-closed-by-hand: its grant was not revoked")
        elif what == "pack-withdrawn":
            need(was & {"revoked", "renewed"}, "grant-pack-withdrawn: its grant stands")
        else:
            need("given" in was and "renewed" not in was, f"{kind}: it is not given, or renewed")
            place, said = (grant, body["bucket"]), (body["principal"], body["allowed"])
            if what == "policy-set":
                need(setting.get(place) == said, "grant-policy-set: not what was to be set")
            else:
                setting[place] = said
        was.add(what)


def check_renewable(grant: Json, past: dict[str, set[str]]) -> None:
    """A renewal takes the place of a grant that was given and stands."""
    need(isinstance(grant, str) and grant in past, "grant-asked: it renews none that there is")
    good = "given" in past[grant] and not past[grant] & {"revoked", "renewed"}
    need(good, "grant-asked: it renews one that does not stand")


def check_adopted(body: dict[str, Json], names: set[str]) -> None:
    """What was asked for and given in a journal that is lost has the form that it had there."""
    for what in ("asked", "given"):
        need(isinstance(body.get(what), dict), f"grant-adopted: {what}")
        inner = body[what]
        need(inner.get("grant") == body["grant"], f"grant-adopted: {what} of another grant")
        check_grant_form((BEFORE + what, "", inner), names, keyed=False)
        need(RULES["moment"](body.get(f"{what}_at")), f"grant-adopted: {what}_at")
    for name in ("objects", "bytes"):
        need(body["asked"][name] == body["given"][name], "grant-adopted: other amounts")
    need(isinstance(body.get("at_host"), list), "grant-adopted: at_host")
    for entry in body["at_host"]:
        good = isinstance(entry, dict) and is_text(entry.get("bucket"))
        good = good and is_text(entry.get("principal"))
        good = good and all(isinstance(entry.get(name), bool) for name in ("allowed", "sure"))
        need(good, "grant-adopted: at_host")
