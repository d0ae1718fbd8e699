"""A pack opens for one reader, whole or not at all."""

import hashlib
import io
import json

import pytest

from hdh_migrate.errors import Exit, KeyUnavailable, MigrateError, PackDamaged
from hdh_migrate.fixity import MerkleTree, leaf_digest
from hdh_migrate.grants.objects import FORMAT, GrantedObject, object_of
from hdh_migrate.grants.pack import write
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT, Crypt4ghEnvelopes
from tests.unit.grants.helpers import READER, granted, head_for, opened, packed
from tests.unit.sealing.helpers import STEWARD, STRANGER, reference_opens, stored

MANY = [granted(f"{number:06}.parquet", number) for number in range(3_000)]


def test_what_was_written_is_read():
    pack, written = packed(MANY)
    reader = opened(pack)

    assert reader.head == head_for(written.objects, written.bytes)
    assert reader.end is None
    assert list(reader) == MANY
    assert reader.end is not None
    assert reader.end.root == written.root
    assert written.sha256 == hashlib.sha256(pack).hexdigest()
    assert len(pack) > 20 * SEALED_SEGMENT


def test_the_reference_tool_opens_a_pack_and_finds_the_lines_of_the_format():
    pack, written = packed(MANY[:3])

    head, *lines, end = reference_opens(pack, READER).splitlines()

    assert json.loads(head)["format"] == FORMAT
    assert [json.loads(line)["name"] for line in lines] == [one.name for one in MANY[:3]]
    tree = MerkleTree()
    for line in lines:
        tree.append(leaf_digest(line))
    assert json.loads(end) == {"end": True, "objects": 3, "root": tree.root()}
    assert tree.root() == written.root


def test_a_pack_of_no_objects_is_a_pack():
    reader = opened(packed([])[0])

    assert list(reader) == []
    assert reader.end is not None


def test_a_name_that_is_no_clean_text_comes_through():
    odd = granted("caf\udce9.csv")

    assert list(opened(packed([odd])[0])) == [odd]


def test_another_readers_pack_is_refused():
    with pytest.raises(KeyUnavailable, match=STRANGER.public.fingerprint) as failure:
        opened(packed(MANY[:3])[0], STRANGER)
    assert failure.value.exit_code is Exit.REFUSED


@pytest.mark.parametrize("least", [0, 1, 124, 125, 300])
def test_what_is_no_pack_is_refused(least):
    with pytest.raises(MigrateError):
        list(opened(packed(MANY[:3])[0][:least]))


@pytest.mark.parametrize("cut", [1, 27, 28, 29, SEALED_SEGMENT, 5 * SEALED_SEGMENT])
def test_a_pack_that_is_cut_is_refused_before_it_is_believed(cut):
    pack, _ = packed(MANY)

    reader = opened(pack[:-cut])
    with pytest.raises(PackDamaged, match="cut, reordered or damaged") as failure:
        list(reader)
    assert reader.end is None
    assert failure.value.exit_code is Exit.DAMAGED


def test_a_pack_with_segments_in_another_order_is_refused():
    pack, _ = packed(MANY)
    at = 124 + 2 * SEALED_SEGMENT
    one, other = pack[at : at + SEALED_SEGMENT], pack[at + SEALED_SEGMENT : at + 2 * SEALED_SEGMENT]

    with pytest.raises(PackDamaged):
        list(opened(pack[:at] + other + one + pack[at + 2 * SEALED_SEGMENT :]))


def lines_of(*objects: GrantedObject) -> list[bytes]:
    plain = reference_opens(packed(objects)[0], READER)
    return plain.splitlines()


def sealed_lines(lines: list[bytes]) -> bytes:
    """Return a pack of any lines, as somebody can make it who knows the reader's public key."""
    made = Crypt4ghEnvelopes([READER.public], None).new()
    return stored(made, b"".join(line + b"\n" for line in lines))


ONE, TWO, THREE = (granted(name) for name in ("a", "b", "c"))


@pytest.mark.parametrize(
    "turned",
    [
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [lines[0], lines[1], lines[1], *lines[3:]],
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines[:-1], lines[-1].replace(b'"objects":3', b'"objects":2')],
        lambda lines: [lines[0].replace(b'"bytes":30', b'"bytes":31'), *lines[1:]],
        lambda lines: [lines[0].replace(b"grant/1", b"grant/2"), *lines[1:]],
        lambda lines: [lines[0], lines[1].replace(b"position-1", b"position-2"), *lines[2:]],
        lambda lines: [lines[0], lines[1].replace(b'"body":232', b'"body":-1'), *lines[2:]],
        lambda lines: [lines[0], lines[1].replace(b'"body":232', b'"body":true'), *lines[2:]],
        lambda lines: [lines[0], lines[1].replace(b'"version":null', b'"more":null'), *lines[2:]],
        lambda lines: [lines[0], b"[" * 10_000, *lines[2:]],
        lambda lines: [lines[0], b"x" * 200_000, *lines[2:]],
        lambda lines: [],
    ],
)  # fmt: skip
def test_lines_that_do_not_add_up_are_refused(turned):
    pack = sealed_lines(turned(lines_of(ONE, TWO, THREE)))

    with pytest.raises(PackDamaged):
        list(opened(pack))


def test_a_pack_sealed_by_somebody_else_has_another_root():
    lines = lines_of(ONE, TWO, THREE)
    other = object_of(lines[1].replace(b"cohort/a", b"cohort/z"))
    forged = opened(packed([other, TWO, THREE])[0])
    assert len(list(forged)) == 3

    assert forged.end is not None
    assert forged.end.root != packed([ONE, TWO, THREE])[1].root


@pytest.mark.parametrize("objects", [[TWO, ONE], [ONE, ONE], [ONE]])
def test_a_pack_is_not_written_of_other_objects_than_its_head_counts(objects):
    with pytest.raises(ValueError, match="objects"):
        write(io.BytesIO(), READER.public, head_for(2, 20), objects)


def test_segments_of_a_pack_open_alone():
    """A reader of millions of names keeps offsets, and opens single segments again."""
    pack, _ = packed(MANY)
    envelope = Crypt4ghEnvelopes([READER.public], READER).open(pack[:124])
    segment, out = 3, bytearray(SEGMENT)
    at = 124 + segment * SEALED_SEGMENT

    envelope.unseal_into(
        memoryview(pack)[at : at + SEALED_SEGMENT], segment, final=False, out=memoryview(out)
    )

    whole = reference_opens(pack, READER)
    assert bytes(out) == whole[segment * SEGMENT : (segment + 1) * SEGMENT]


def test_no_name_and_no_header_stands_in_a_representation():
    assert "cohort" not in repr(ONE)
    assert "header" not in repr(ONE)
    assert STEWARD.public.fingerprint not in repr(ONE)
