"""Section 6 for the second verifier: the envelope, its signatures and the subjects."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support.second_forms import (
    Json,
    canonical,
    matching,
    need,
    parse,
    parse_document,
    unbase64,
)

Trusted = Mapping[str, tuple[Ed25519PublicKey, str | None]]
"""By fingerprint: the key, and the last day (YYYY-MM-DD) on which its signatures count."""
LONGEST_STATEMENT = 64 * 1024 * 1024
MOST_VALUES = 2_097_152
FORMATS = {f"urn:hdh-migrate:evidence:v{number}": number for number in (1, 2)}
NO_SUBJECT = {"statement.json", "timestamp.tsr", "SHA256SUMS"}

Signature = tuple[str, bytes]


def open_statement(content: bytes) -> tuple[bytes, dict[str, Json], list[Signature] | None]:
    need(len(content) <= LONGEST_STATEMENT, "statement.json: too long")
    need_few(content)
    document = parse_document(content, "statement.json")
    need(isinstance(document, dict), "statement.json: not an object")
    if document.get("draft") is True:
        need(document.keys() == {"draft", "statement"}, "statement.json: neither form")
        statement, signatures, payload = document["statement"], None, b""
    else:
        members = {"payload", "payloadType", "signatures"}
        need(document.keys() == members, "statement.json: neither form")
        need(document["payloadType"] == PAYLOAD_TYPE, "statement.json: payloadType")
        payload = unbase64(document["payload"], "payload")
        signatures = read_signatures(document["signatures"])
        need_few(payload)
        statement = parse(payload, "payload")
    need(isinstance(statement, dict), "the statement is not an object")
    return payload, statement, signatures


PAYLOAD_TYPE = "application/vnd.in-toto+json"
is_keyid = matching(r"ed25519:[0-9a-f]{16}")


def need_few(text: bytes) -> None:
    many = sum(text.count(mark) for mark in (b",", b"[", b"{"))
    need(many <= MOST_VALUES, "statement.json: too many values")


def read_signatures(listed: Json) -> list[Signature]:
    need(isinstance(listed, list) and listed, "signatures: not a list, or empty")
    found = {}
    for one in listed:
        need(isinstance(one, dict) and one.keys() == {"keyid", "sig"}, "a signature's members")
        need(is_keyid(one["keyid"]), "a signature's keyid")
        need(one["keyid"] not in found, "a keyid twice")
        found[one["keyid"]] = unbase64(one["sig"], "sig")
        need(len(found[one["keyid"]]) == 64, "a signature's length")
    return list(found.items())


def signed_bytes(payload: bytes) -> bytes:
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def check_signatures(
    payload: bytes, signatures: list[Signature], day: str, trusted: Trusted, threshold: int
) -> list[str]:
    signed = signed_bytes(payload)
    counted, problems = set(), []
    for keyid, signature in signatures:
        for fingerprint, (key, until) in trusted.items():
            if keyid != f"ed25519:{fingerprint[:16]}":
                continue
            try:
                key.verify(signature, signed)
            except InvalidSignature:
                problems.append(f"{keyid}: not signed by this key")
                continue
            if until is not None and day > until:
                problems.append(f"{keyid}: signed after the last day of this key")
            else:
                counted.add(fingerprint)
    if len(counted) < threshold:
        problems.append(f"{len(counted)} trusted keys signed, {threshold} were asked for")
    return problems


def check_statement(statement: dict[str, Json], digests: dict[str, str]) -> None:
    members = {"_type", "subject", "predicateType", "predicate"}
    need(statement.keys() == members, "the statement's members")
    need(statement["_type"] == "https://in-toto.io/Statement/v1", "_type")
    need(statement["predicateType"] in FORMATS, "predicateType")
    subject = statement["subject"]
    need(isinstance(subject, list) and subject, "subject: not a list, or empty")
    actual = {
        name: canonical({"name": name, "digest": {"sha256": digest}})
        for name, digest in digests.items()
        if name not in NO_SUBJECT
    }
    named = [canonical(one) for one in subject]
    need(named[0] == actual["manifest.jsonl"], "the first subject is not the manifest")
    need(sorted(named) == sorted(actual.values()), "the subjects are not the files")
