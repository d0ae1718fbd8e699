"""Prove that one object of a bundle stands in its manifest, without showing any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.exports.keyed import PREFIX
from hdh_migrate.evidence.lines.proofs import prove, root_of
from hdh_migrate.evidence.lines.records import MAX_LINE, manifest_line, read_line
from hdh_migrate.model.naming import key_given
from hdh_migrate.results.proofs import LineProof


def proof_in(bundle: Path, key: str, dataset: str | None) -> LineProof:
    """Return the proof that an object stands in a bundle's manifest.

    Raises:
        UsageError: there is no manifest, no such object, or more than one of this key.
    """
    found, seen = list[bytes](), ""
    keys = {key, key_given(key)}

    def lines(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
        nonlocal seen
        while raw := file.readline(MAX_LINE + 1):
            record = read_line(raw, manifest_line)
            seen = str(record["key"])
            wanted = record["key"] in keys and dataset in {None, record["dataset"]}
            if wanted:
                found.append(raw[:-1])
            yield raw[:-1], wanted

    try:
        with (bundle / "manifest.jsonl").open("rb") as file:
            proof = prove(lines(file))
    except OSError as error:
        raise UsageError(f"{bundle}: no manifest can be read here: {error.strerror}") from None
    except EvidenceDamaged as error:
        if len(found) > 1:
            raise UsageError("more than one dataset has this key: give --dataset") from error
        raise
    if proof is None:
        raise UsageError(
            "the manifest has no such object",
            hint="the bundle's names are keyed: who holds the ledger opens one object with"
            ' "hdh-migrate audit open"'
            if seen.startswith(PREFIX)
            else "give the key as the source has it; `-` reads it from stdin",
        )
    return {
        "line": found[0].decode(),
        "index": proof.index,
        "size": proof.size,
        "path": [digest.hex() for digest in proof.path],
        "root": root_of(found[0], proof).hex(),
    }
