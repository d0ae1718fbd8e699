"""Judge a cluster's certificates folder before anybody is contacted with it.

The folder is made by `new_authority` (`hdh-migrate worker --new-ca DIR`) and is the same on every
machine. What is wrong with it is said in one line, with what mends it; TLS itself would say less,
and later.
"""

from __future__ import annotations

import os
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.folders import open_to_others
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.files import KeyFileUnreadable

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

AUTHORITY: Final = "ca.pem"
CERTIFICATE: Final = "cluster.pem"
KEY: Final = "cluster.key"
SOON: Final = timedelta(days=7)
"""How long before their end a line asks for new ones."""

_MEND: Final = (
    'make a folder with "hdh-migrate worker --new-ca DIR", bring it to every machine of the'
    " cluster, and name it as engine.certificates"
)


@frozen
class CertificatesPeriod:
    """When a cluster's certificates count: from `begins` until `ends`, in UTC."""

    begins: datetime
    ends: datetime

    def ends_soon(self, now: datetime) -> bool:
        """Return whether new ones are due."""
        return self.ends - now < SOON


def judged_certificates(folder: Path, now: datetime) -> CertificatesPeriod:
    """Return when the certificates of a folder count, which they do now.

    Reads files only.

    Raises:
        KeyUnavailable: nobody would be let in with this folder, or others could be who should not.
    """
    period = period_of(folder)
    if now < period.begins:
        raise KeyUnavailable(
            f"{folder}: its certificates count from {period.begins:%Y-%m-%dT%H:%M:%SZ} only",
            hint="see that this machine's clock is right",
        )
    if now >= period.ends:
        raise KeyUnavailable(
            f"{folder}: its certificates ended on {period.ends:%Y-%m-%dT%H:%M:%SZ}", hint=_MEND
        )
    return period


def period_of(folder: Path) -> CertificatesPeriod:
    """Return when the certificates of a folder count, whether they do now or not.

    Raises:
        KeyUnavailable: nobody would ever be let in with it, or others could be who should not.
    """
    if not folder.is_dir():
        raise KeyUnavailable(f"{folder}: there is no such folder", hint=_MEND)
    for name in (AUTHORITY, CERTIFICATE, KEY):
        if not (folder / name).is_file():
            raise KeyUnavailable(f"{folder}: no {name}", hint=_MEND)
    _demand_closed(folder / KEY)
    authority, certificate = _certificate(folder / AUTHORITY), _certificate(folder / CERTIFICATE)
    _demand_one_pair(folder, authority, certificate)
    begins = max(one.not_valid_before_utc for one in (authority, certificate))
    ends = min(one.not_valid_after_utc for one in (authority, certificate))
    return CertificatesPeriod(begins=begins, ends=ends)


def _demand_closed(key: Path) -> None:
    """Demand that nobody else may read the key; whose the folder is, the plan's judge looks at."""
    try:
        with key.open("rb") as file:
            is_open, mode = open_to_others(file.fileno()), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise KeyFileUnreadable(key, error, hint=_MEND) from error
    if is_open:
        raise KeyUnavailable(
            f"{key}: is open to others (mode {stat.S_IMODE(mode):04o}): whoever has it is let in",
            hint="make a new folder on every machine, or chmod 600 if nobody can have read it",
        )


def _certificate(path: Path) -> Certificate:
    from cryptography import x509

    try:
        (found,) = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyUnavailable(f"{path}: holds no readable certificate", hint=_MEND) from error
    return found


def _demand_one_pair(folder: Path, authority: Certificate, certificate: Certificate) -> None:
    """Demand that the authority signed the certificate, and that the key is the certificate's."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise KeyUnavailable(
            f"{folder}: {CERTIFICATE} is not of the authority in {AUTHORITY}, so no machine would"
            " let it in",
            hint=f"files of two folders were mixed: {_MEND}",
        ) from error
    try:
        key = load_pem_private_key((folder / KEY).read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnavailable(f"{folder / KEY}: holds no readable key", hint=_MEND) from error
    if key.public_key() != certificate.public_key():
        raise KeyUnavailable(
            f"{folder}: {KEY} is not the key of {CERTIFICATE}",
            hint=f"files of two folders were mixed: {_MEND}",
        )
