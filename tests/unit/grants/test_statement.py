"""What stands beside a pack is signed, and says what was given or taken back."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hdh_migrate.errors import Exit, PackDamaged, Refused
from hdh_migrate.evidence.signatures.signing import Signer, verifier_of
from hdh_migrate.grants import statement
from hdh_migrate.grants.statement import Given, Revoked, StandsOn

DIGEST = "d" * 64
GIVEN = Given(
    grant="g1",
    migration="m",
    dataset="cohort",
    whole=True,
    permit="EHDS-2027-0042",
    purpose="survival after stroke",
    reader="c4gh:0123456789abcdef",
    until="2027-12-31T23:59:59Z",
    made_at="2027-01-01T10:00:00Z",
    objects=3,
    bytes=30,
    root="b" * 64,
    stands_on=StandsOn(plan="c" * 64, batch="first", manifest="a" * 64, journal="f" * 64),
)
REVOKED = Revoked(grant="g1", reason="the study ended", revoked_at="2027-06-01T10:00:00Z")


def signer() -> Signer:
    key = Ed25519PrivateKey.generate()
    return Signer(verifier_of(key.public_key()), key)


OPERATOR, OTHER = signer(), signer()


def put(folder, name, envelope):
    (folder / name).write_text(json.dumps(envelope))


def test_a_statement_is_read_as_it_was_signed(tmp_path):
    put(tmp_path, statement.GIVEN, statement.sign(OPERATOR, GIVEN, DIGEST))

    found = statement.read(tmp_path, [OPERATOR.verifier])

    assert (found.given, found.pack) == (GIVEN, DIGEST)


def test_a_statement_that_nobody_trusted_signed_is_not_believed(tmp_path):
    put(tmp_path, statement.GIVEN, statement.sign(OTHER, GIVEN, DIGEST))

    with pytest.raises(PackDamaged, match="no trusted key") as failure:
        statement.read(tmp_path, [OPERATOR.verifier])
    assert failure.value.exit_code is Exit.DAMAGED


def test_a_revoked_grant_is_refused(tmp_path):
    put(tmp_path, statement.GIVEN, statement.sign(OPERATOR, GIVEN, DIGEST))
    put(tmp_path, statement.REVOKED, statement.sign(OPERATOR, REVOKED, DIGEST))

    with pytest.raises(Refused, match="revoked at 2027-06-01"):
        statement.read(tmp_path, [OPERATOR.verifier])


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "x", "[" * 100_000, '{"payload":1}', "{}" + " " * 100_000]
)
def test_what_is_no_statement_is_refused(tmp_path, content):
    (tmp_path / statement.GIVEN).write_text(content)

    with pytest.raises(PackDamaged):
        statement.read(tmp_path)


def test_a_statement_of_another_kind_is_no_grant(tmp_path):
    put(tmp_path, statement.GIVEN, statement.sign(OPERATOR, REVOKED, DIGEST))

    with pytest.raises(PackDamaged, match="no statement of a grant"):
        statement.read(tmp_path, [OPERATOR.verifier])


def test_no_statement_is_no_grant(tmp_path):
    with pytest.raises(PackDamaged, match="cannot be read"):
        statement.read(tmp_path)
