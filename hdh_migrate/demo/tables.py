"""Hospital stays in the manner of the French PMSI (MCO), made from noise, as CSV and Parquet."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

CSV_TYPE = "text/csv; charset=utf-8"
PARQUET_TYPE = "application/vnd.apache.parquet"

COLUMNS = (
    "NUM_SEJOUR_ANONYME",
    "FINESS_ETABLISSEMENT",
    "DATE_ENTREE",
    "DUREE_SEJOUR_JOURS",
    "AGE_ANNEES",
    "CODE_SEXE",
    "CODE_GHM",
    "DIAGNOSTIC_PRINCIPAL",
    "LIBELLE_DIAGNOSTIC",
    "MODE_SORTIE",
    "MONTANT_EUROS",
)

_ROW = struct.Struct("<IHBBBBHHH")  # 16 bytes of noise make one stay
_DIAGNOSES = (
    ("I10", "Hypertension essentielle (primitive)"),
    ("J189", "Pneumopathie, sans précision"),
    ("E119", "Diabète sucré de type 2, sans complication"),
    ("S7200", "Fracture fermée du col du fémur"),
    ("K359", 'Appendicite aiguë, dite "simple"'),
    ("Z511", "Séance de chimiothérapie pour tumeur; hors protocole"),
)
_GHM = ("05M09T", "04M05", "10M02", "08C47", "06C09", "28Z07Z")
_EXITS = ("domicile", "transfert", "mutation", "décès")

Stay = tuple[int, str, str, int, int, int, str, str, str, str, float]


def stays_csv(noise: bytes, *, year: int, month: int) -> bytes:
    """Return stays as semicolon-separated UTF-8 with French decimals: one for 16 bytes of noise."""
    text = io.StringIO(newline="")
    text.write(";".join(COLUMNS) + "\r\n")
    for stay in _stays(noise, year, month):
        *fields, label, way_out, amount = stay
        euros = f"{amount:.2f}".replace(".", ",")
        quoted = '"' + label.replace('"', '""') + '"'
        text.write(";".join((*map(str, fields), quoted, way_out, euros)) + "\r\n")
    return text.getvalue().encode()


def stays_parquet(noise: bytes, *, year: int, month: int) -> bytes:
    """Return stays as one Parquet file: one for 16 bytes of noise."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = zip(*_stays(noise, year, month), strict=True)
    table = pa.table({name: list(column) for name, column in zip(COLUMNS, columns, strict=True)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="snappy")
    return bytes(sink.getvalue())


def _stays(noise: bytes, year: int, month: int) -> Iterator[Stay]:
    for number, house, day, length, age, sex, illness, way_out, cents in _ROW.iter_unpack(noise):
        code, label = _DIAGNOSES[illness % len(_DIAGNOSES)]
        yield (
            number,
            f"99{house:07d}",  # no such establishment: departments end at 98
            f"{year}-{month:02d}-{day % 28 + 1:02d}",
            length % 21,
            age % 101,
            sex % 2 + 1,
            _GHM[illness % len(_GHM)],
            code,
            label,
            _EXITS[way_out % len(_EXITS)],
            400 + cents / 10,
        )
