"""No key is ever seen: not in a repr, not in a message, not in a log."""

import copy
import io
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from hdh_migrate.errors import KeyUnavailable, UnsealFailed
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from hdh_migrate.sealing.keys import PrivateKey, new_pair
from hdh_migrate.sealing.segment_envelope import Crypt4ghEnvelope
from tests.support.lenient import read_lenient
from tests.unit.sealing.helpers import ESCROW, blob, key_file, stored, unseal

SECRET = b"zeisig-private-key-0123456789abc"
DATA_KEY = b"zeisig-data-key-0123456789abcdef"
PHRASE = "zeisig-passphrase"


def own() -> PrivateKey:
    return PrivateKey(SECRET, protected=False)


def shows_no_secret(*texts: str) -> None:
    for text in texts:
        low = text.lower()
        assert "zeisig" not in low
        for secret in (SECRET, DATA_KEY, PHRASE.encode()):
            assert secret.hex() not in low
            assert repr(secret) not in text


def told_by(action: Callable[[], object]) -> str:
    with pytest.raises((KeyUnavailable, UnsealFailed, TypeError)) as caught:
        action()
    error = caught.value
    return "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))


@pytest.fixture
def made() -> Crypt4ghEnvelopes:
    key = own()
    return Crypt4ghEnvelopes([key.public, ESCROW.public], key)


def test_text_forms_show_fingerprints_only(made: Crypt4ghEnvelopes):
    key = PrivateKey(SECRET, protected=True)
    envelope = Crypt4ghEnvelope(b"header", DATA_KEY, front=b"header")
    unsealer = made.unsealer(size=0, write=len)

    for thing in (key, made, envelope, unsealer, made._writer, made._reader):
        shows_no_secret(repr(thing), str(thing), f"{thing}", repr([thing]))
    assert key.public.fingerprint in repr(key)
    assert "header" not in repr(envelope)


def test_secrets_are_not_serialised(made: Crypt4ghEnvelopes):
    for thing in (own(), Crypt4ghEnvelope(b"", DATA_KEY, front=b""), made):
        shows_no_secret(told_by(lambda thing=thing: pickle.dumps(thing)))
        shows_no_secret(told_by(lambda thing=thing: copy.deepcopy(thing)))


def test_refusals_and_logs_show_nothing(made: Crypt4ghEnvelopes, tmp_path: Path, caplog):
    caplog.set_level(logging.DEBUG)
    whole = stored(made.new(), b"zeisig in the plaintext")
    bad = whole[:-1] + bytes([whole[-1] ^ 1])
    with_canary = made._writer.header(DATA_KEY)
    _, locked = new_pair(tmp_path, "locked", passphrase=PHRASE)
    exposed = key_file(tmp_path / "exposed", blob(b"none", b"none", SECRET))
    exposed.chmod(0o644)
    longer = key_file(tmp_path / "longer", blob(b"none", b"none", SECRET + b"x"))

    shows_no_secret(
        told_by(lambda: unseal(made, bad, 23)),
        told_by(lambda: unseal(made, with_canary + b"x", 0)),
        told_by(lambda: made.open(with_canary[:-1])),
        told_by(lambda: Crypt4ghEnvelopes([ESCROW.public], own()).self_test()),
        told_by(lambda: read_lenient(io.BytesIO(locked.read_bytes()), own(), len)),
        told_by(lambda: PrivateKey.load(locked, PHRASE + "!")),
        told_by(lambda: PrivateKey.load(exposed, None)),
        told_by(lambda: PrivateKey.load(longer, None)),
        caplog.text,
    )
