"""A synthetic health corpus: always the same bytes under the same names, nobody's data.

Every byte comes from an AES-CTR stream keyed by the object's own key, so objects are made on the
fly, at memory speed, in any order. What looks like a person, a stay or a scan is noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.demo.servers import Azurite
from hdh_migrate.demo.tables import CSV_TYPE, PARQUET_TYPE, stays_csv, stays_parquet
from hdh_migrate.frozen import frozen
from hdh_migrate.model import MIB

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

BIG = 256 * MIB
BIG_KEY = "genomique/annee=2023/echantillon-0001.bam"
SCRATCH = "**/_temporary/**"
"""What a plan for this corpus excludes: the leavings of an interrupted Spark write."""

_PIECE = MIB
_BLOCK = 8 * MIB
_ZEROES = bytes(_PIECE)

_YEARS = (2021, 2022, 2023)
_MONTHS = (1, 2, 3)
_ROWS = 6_000
_PATIENTS, _SERIES, _IMAGES = 12, 3, 10
_DICOM_TYPE = "application/dicom"

# Each one breaks a client that quotes, splits, folds or unquotes where it should not.
_ODD_NAMES = (
    "compte rendu opératoire.txt",
    "taux 100% réel.csv",
    "barre %2F oblique.txt",
    "a+b=c.txt",
    "lot #3 & annexe.txt",
    'l\'export "final".txt',
    "🩺 consultation.txt",
    "question ?.txt",
    "résumé;version,2@hôpital~(1)[2]{3}.txt",
    "5 < 6 > 4 <i>.txt",
    "=SOMME(A1:A9).csv",
    ".caché",
    "Œuvre complète - ça, là, où.txt",
    "/".join(("archives", *(f"niveau-{depth:02d}" for depth in range(1, 25)), "fond.txt")),
)


@frozen
class Item:
    """One object of the corpus; `open` gives its `size` bytes anew each time."""

    key: str
    size: int
    open: Callable[[], Iterator[bytes]] = field(repr=False)
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


Progress = Callable[[int, int], object]
"""Told after each object, and after each block of the big one: objects and bytes more done."""


def items(big: int = BIG) -> Iterator[Item]:
    """Yield every object of the corpus; `big` is the size of the large one, in bytes."""
    yield from _pmsi()
    yield from _imaging()
    yield from _odd()
    yield _noise(BIG_KEY, big, metadata={"sequenceur": "synthetique"})


def fill_azure(
    azurite: Azurite, container: str, big: int = BIG, progress: Progress | None = None
) -> None:
    """Create `container` and upload the corpus into it.

    The big object goes up as blocks, as large uploads do, so the store has no MD5 for it.
    """
    from azure.storage.blob import ContainerClient

    report = progress or _nobody
    with ContainerClient.from_connection_string(azurite.connection_string, container) as client:
        client.create_container()
        for item in items(big):
            if item.key == BIG_KEY:
                _upload_blocks(client.get_blob_client(item.key), item, report)
            else:
                _upload(client.get_blob_client(item.key), item)
                report(1, item.size)


def fill_folder(path: Path, big: int = BIG, progress: Progress | None = None) -> None:
    """Write the corpus below `path`; metadata, tags and types have no place there."""
    report = progress or _nobody
    for item in items(big):
        file = path / item.key
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as output:
            for piece in item.open():
                output.write(piece)
        report(1, item.size)


# --- the objects -----------------------------------------------------------------------------


def _pmsi() -> Iterator[Item]:
    for year in _YEARS:
        metadata = {"producteur": "demonstration", "champ": "mco", "millesime": str(year)}
        tags = {"sensibilite": "elevee", "projet": "emc2 pilote"}
        for month in _MONTHS:
            folder = f"champ=mco/annee={year}/mois={month:02d}"
            key = f"pmsi/csv/{folder}/sejours.csv"
            body = stays_csv(noise(key, 16 * _ROWS), year=year, month=month)
            yield _whole(key, body, content_type=CSV_TYPE, metadata=metadata, tags=tags)
            key = f"pmsi/parquet/{folder}/part-00000.snappy.parquet"
            body = stays_parquet(noise(key, 16 * _ROWS), year=year, month=month)
            yield _whole(key, body, content_type=PARQUET_TYPE, metadata=metadata, tags=tags)
        yield _whole(f"pmsi/parquet/champ=mco/annee={year}/_SUCCESS", b"")
    yield _noise("pmsi/parquet/_temporary/0/task_202301_0007/part-00007.parquet", 40_000)


def _imaging() -> Iterator[Item]:
    for patient in range(1, _PATIENTS + 1):
        for series in range(1, _SERIES + 1):
            for image in range(1, _IMAGES + 1):
                key = (
                    f"imagerie/patient=SYN{patient:04d}/etude=TDM-2022/serie={series:02d}/"
                    f"IM-{series:04d}-{image:04d}.dcm"
                )
                size = 4096 + int.from_bytes(_digest(key)[:4], "big") % (60 * 1024 + 1)
                yield _noise(key, size, head=bytes(128) + b"DICM", content_type=_DICOM_TYPE)


def _odd() -> Iterator[Item]:
    for number, name in enumerate(_ODD_NAMES, start=1):
        yield _noise(f"divers/{name}", 100 * number, content_type="text/plain; charset=utf-8")
    yield _whole("divers/vide.dat", b"")
    # One byte on each side of a segment of encryption, where off-by-one errors live.
    for size in (65_535, 65_536, 65_537):
        yield _noise(f"divers/frontiere/{size}.bin", size)


def _whole(
    key: str,
    body: bytes,
    *,
    content_type: str = "application/octet-stream",
    metadata: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Item:
    return Item(
        key=key,
        size=len(body),
        open=lambda: iter((body,)),
        content_type=content_type,
        metadata=metadata or {},
        tags=tags or {},
    )


def _noise(
    key: str,
    size: int,
    *,
    head: bytes = b"",
    content_type: str = "application/octet-stream",
    metadata: Mapping[str, str] | None = None,
) -> Item:
    def pieces() -> Iterator[bytes]:
        yield head
        yield from _stream(key, size - len(head))

    return Item(key=key, size=size, open=pieces, content_type=content_type, metadata=metadata or {})


def noise(key: str, size: int) -> bytes:
    """Return the first `size` bytes of the stream that belongs to `key`."""
    return b"".join(_stream(key, size))


def _stream(key: str, size: int) -> Iterator[bytes]:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    seed = _digest(key)
    made = Cipher(AES(seed[:16]), CTR(seed[16:])).encryptor()
    while size > 0:
        piece = made.update(_ZEROES if size >= _PIECE else _ZEROES[:size])
        size -= len(piece)
        yield piece


def _digest(key: str) -> bytes:
    return hashlib.sha256(b"hdh-migrate demo " + key.encode()).digest()


# --- uploading -------------------------------------------------------------------------------


def _upload(blob: BlobClient, item: Item) -> None:
    from azure.storage.blob import ContentSettings

    blob.upload_blob(
        b"".join(item.open()),
        metadata=dict(item.metadata),
        tags=dict(item.tags) or None,
        content_settings=ContentSettings(content_type=item.content_type),
    )


def _upload_blocks(blob: BlobClient, item: Item, report: Progress) -> None:
    from azure.storage.blob import BlobBlock, ContentSettings

    blocks: list[BlobBlock] = []
    for body in _blocks(item.open()):
        block = BlobBlock(block_id=f"{len(blocks):08d}")
        blob.stage_block(block.id, body)
        blocks.append(block)
        report(0, len(body))
    blob.commit_block_list(
        blocks,
        metadata=dict(item.metadata),
        content_settings=ContentSettings(content_type=item.content_type),
    )
    report(1, 0)


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for piece in pieces:
        block += piece
        while len(block) >= _BLOCK:
            yield bytes(block[:_BLOCK])
            del block[:_BLOCK]
    if block:
        yield bytes(block)


def _nobody(objects: int, size: int) -> None:
    """Ignore progress: the default when nobody wants to see it."""
    del objects, size
