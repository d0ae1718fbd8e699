"""What processes say to each other arrives as it was said, and nothing else is taken."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import fields
from typing import Any, get_args

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.engines.frames import Frames
from hdh_migrate.engines.local import LocalEngine
from hdh_migrate.engines.messages import (
    KINDS,
    Answer,
    Assigned,
    Close,
    Exchanged,
    Farewell,
    FromWorker,
    MadeRoom,
    MakeRoom,
    Pause,
    Question,
    Ready,
    Start,
    ToWorker,
)
from hdh_migrate.engines.wire import FROM_WORKER, TO_WORKER, Vocabulary, Wire
from hdh_migrate.errors import MalformedMessage
from hdh_migrate.model import PartReceipt, Verdict
from hdh_migrate.orders import Order, OrderItem, PutOrder
from hdh_migrate.receipts import (
    Begun,
    Completed,
    Digested,
    Doubted,
    Drifted,
    EndpointTraffic,
    Failed,
    Gone,
    Matched,
    OrderDone,
    Paced,
    PartSent,
    ReadOn,
    Rechecked,
    Resumed,
    Returned,
    ReturnReason,
    SealIntent,
    Sent,
    SourceState,
)
from tests.support.every import every
from tests.support.orders import EVERY_KIND
from tests.support.processes import LONG
from tests.support.workshop import FACTORY, ROOT, drained, order, wish

NAME = "dupont-martin\udcff/Élodie \U0001f9e0.dcm"
OF: dict[str, Any] = {"id": 7, "attempt": 2}
NOW = SourceState(version="v2", size=5, modified=None, md5="aa", kind="object")
PART = PartReceipt(number=3, sha256="aa", sealed_sha256="bb", stored_size=9, etag='"e"')
RECEIPTS: list[FromWorker] = [
    Sent(**OF, stored_size=9, etag='"e"', version_id=None, sha256="aa", sealed_sha256="bb"),
    Sent(**OF, stored_size=9, etag='"e"', version_id="v"),
    Begun(**OF, upload_id="u", header=bytes(range(256))),
    PartSent(**OF, size=5, part=PART),
    Resumed(**OF, held=(1, 2)),
    Resumed(**OF, held=()),
    Completed(**OF),
    Gone(**OF),
    Digested(**OF, sha256="aa"),
    Matched(
        **OF, level="full", at="2026-01-01T00:00:00.000Z", sha256="aa", stored_sha256=None,
        beside=((Code.TAGS_LOST, "one"),),
    ),
    Doubted(**OF),
    Rechecked(**OF, wrong=None),
    Rechecked(**OF, wrong="target-gone"),
    Drifted(**OF, now=NOW, same_version=True),
    Failed(**OF, code=Code.MISSING, verdict=Verdict.MISSING, detail="gone", now=NOW),
    Failed(**OF, code=Code.MISSING, verdict=Verdict.MISSING, detail="gone"),
    Returned(**OF, number=None, dataset="d", reason=ReturnReason.HOST, detail="no"),
    ReadOn(**OF, size=1 << 42),
    Paced(worker="h:7", now=8, most=16, why="the store asks for less (SlowDown)"),
    OrderDone(order=1),
    Question(number=1, intent=SealIntent(**OF, number=3, size=4, sha256="aa")),
    Ready(code_sha256="aa"),
    Exchanged(
        traffic=(
            EndpointTraffic(
                side="target", endpoint="https://h", requests=1, bytes_read=2, bytes_written=3
            ),
        ),
        busy=0.5,
    ),
    MadeRoom(),
    Farewell(
        traffic=(
            EndpointTraffic(
                side="source", endpoint="https://h", requests=1, bytes_read=2, bytes_written=3,
                addresses=("::1",), tls=("TLSv1.3",), clock_offset=0.1, clock_at=1.5,
            ),
        )
    ),
]  # fmt: skip
ITEM = OrderItem(
    **OF, key=NAME, size=3, version="v", md5=None, metadata={"a": "b"}, tags={"c": "\xe9"}
)
ORDERS: list[ToWorker] = [
    Start(config={"plan": "{}", "limits": {"max": None}, "list": [1, 2.5, True]}, threads=3),
    Assigned(number=1, order=PutOrder(dataset="d", objects=(ITEM,))),
    *(Assigned(number=2, order=one) for one in EVERY_KIND),
    Pause(),
    Close(),
    MakeRoom(),
    Answer(number=1, recorded=False),
]
SAID: list[tuple[Vocabulary[Any], Any]] = [
    *((FROM_WORKER, one) for one in RECEIPTS),
    *((TO_WORKER, one) for one in ORDERS),
]


@every("row", SAID)
def test_what_is_said_arrives(row: tuple[Vocabulary[Any], Any]) -> None:
    words, said = row
    (arrived,) = words.decode(words.encode(said))
    assert arrived == said
    assert type(arrived) is type(said)
    assert [type(getattr(arrived, one.name)) for one in fields(arrived)] == [
        type(getattr(said, one.name)) for one in fields(arrived)
    ]


def test_messages_of_one_frame_arrive_in_their_order() -> None:
    assert FROM_WORKER.decode(FROM_WORKER.encode(*RECEIPTS)) == RECEIPTS
    assert FROM_WORKER.decode(FROM_WORKER.encode()) == []


def test_every_kind_is_tried_here() -> None:
    tried = {type(said) for _, said in SAID}
    tried |= {type(said.order) for _, said in SAID if isinstance(said, Assigned)}
    assert tried == set(KINDS.values())
    assert set(get_args(Order)) <= tried


JUNK: list[Any] = [None, True, 1, 1.5, "text", [], ["put"], {}, {"a": 1}]


@every("row", SAID)
def test_a_field_that_is_missing_or_too_many_is_refused(row: tuple[Vocabulary[Any], Any]) -> None:
    words, said = row
    ((kind, *told),) = json.loads(words.encode(said))
    wrong = [[*told, None], [*told, "x"]] + ([told[:-1]] if told else [])
    for one in wrong:
        with pytest.raises(MalformedMessage, match=rf"{kind}: \d+ fields instead of \d+"):
            words.decode(json.dumps([[kind, *one]]).encode())


@every("row", SAID)
def test_a_field_of_another_type_is_refused_or_is_of_a_type_it_may_have(
    row: tuple[Vocabulary[Any], Any],
) -> None:
    """Whatever is taken is said again in the same way: nothing was made of it that it was not."""
    words, said = row
    ((kind, *told),) = json.loads(words.encode(said))
    for number in range(len(told)):
        for junk in JUNK:
            frame = json.dumps([[kind, *told[:number], junk, *told[number + 1 :]]]).encode()
            try:
                (taken,) = words.decode(frame)
            except MalformedMessage:
                continue
            assert json.loads(words.encode(taken)) == json.loads(frame)


def test_a_type_that_was_right_once_makes_no_other_right() -> None:
    words = Vocabulary[Any](Gone)
    for _ in range(3):
        words.decode(b'[["gone",1,2]]')
        with pytest.raises(MalformedMessage, match=r"gone\.attempt: str"):
            words.decode(b'[["gone",1,"2"]]')
        with pytest.raises(MalformedMessage, match=r"gone\.id: bool"):
            words.decode(b'[["gone",true,2]]')


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[" + b"1" * 5000 + b"]", "no JSON"),
        (b'[["order-done", NaN]]', "no JSON"),
        (b"{}", "no list"),
        (b"null", "no list"),
        (b"[{}]", "kind that is not known"),
        (b"[[]]", "kind that is not known"),
        (b'[[["gone"], 1, 2]]', "kind that is not known"),
        (b'[["unheard", 1]]', "kind that is not known"),
        (b'[["close"]]', "kind that is not known"),  # which a worker does not say
        (b'[["put", "d", []]]', "kind that is not known"),
        (b'[["failed",1,2,"boredom","match","d",null]]', r"failed\.code: no Code"),
        (b'[["failed",1,2,"missing","perfect","d",null]]', r"failed\.verdict: no Verdict"),
        (b'[["returned",1,2,null,"d","bored","d"]]', r"returned\.reason: no ReturnReason"),
        (b'[["begun",1,2,"u","%%%"]]', r"begun\.header: no base64"),
        (b'[["begun",1,2,"u","\xc3\xa9"]]', r"begun\.header: no base64"),
        (b'[["resumed",1,2,[1,"2"]]]', r"resumed\.held\[1\]: str"),
        (b'[["part-sent",1,2,3,["a"]]]', r"part-sent\.part: 1 fields instead of 5"),
        (b'[["matched",1,2,"l","a",null,null,[["c"]]]]', r"matched\.beside: no such tuple"),
    ],
)
def test_what_a_worker_may_not_say_is_refused(said: bytes, why: str) -> None:
    with pytest.raises(MalformedMessage, match=why):
        FROM_WORKER.decode(said)


def test_an_order_in_another_form_is_refused_and_no_name_is_told() -> None:
    frame = json.loads(TO_WORKER.encode(Assigned(number=1, order=order(ITEM))))
    frame[0][2][2][0][7]["a"] = NAME.split("/")
    with pytest.raises(MalformedMessage) as refused:
        TO_WORKER.decode(json.dumps(frame).encode())
    assert "assigned.order put.objects.metadata: no mapping of texts" in str(refused.value)
    assert "dupont" not in f"{refused.value}{refused.value.__context__}{refused.value.__cause__}"


def test_what_json_cannot_carry_is_not_sent() -> None:
    with pytest.raises(ValueError, match="JSON"):
        TO_WORKER.encode(Start(config={"rate": float("nan")}, threads=1))
    with pytest.raises(KeyError):
        FROM_WORKER.encode(Pause())  # type: ignore[arg-type]


def test_a_wire_carries_frames_from_many_threads() -> None:
    ours, theirs = socket.socketpair()
    here = Wire[ToWorker, FromWorker](Frames(ours), says=TO_WORKER, hears=FROM_WORKER)
    there = Wire[FromWorker, ToWorker](Frames(theirs), says=FROM_WORKER, hears=TO_WORKER)
    here.send(*ORDERS)
    there.send(*RECEIPTS)
    assert there.receive() == ORDERS
    assert here.receive() == RECEIPTS
    here.connection.close()
    with pytest.raises(EOFError):
        there.receive()
    there.connection.close()


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 3 << 20])
def test_a_frame_of_any_length_arrives_whole(size: int) -> None:
    """Frames that no socket takes at once arrive as they were sent, with nothing in between."""
    ours, theirs = map(Frames, socket.socketpair())
    data = bytes(range(256)) * (size // 256 + 1)

    def send() -> None:
        ours.send_bytes(data[:size])
        ours.send_bytes(data[:size])

    sender = threading.Thread(target=send)
    sender.start()
    assert theirs.poll(LONG)
    assert [theirs.recv_bytes() for _ in range(2)] == [data[:size]] * 2
    sender.join()
    assert not theirs.poll(0)
    ours.close()
    assert theirs.poll(0)
    theirs.close()


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\4", b"\0\0\0\4abc"])
def test_a_frame_that_ends_early_is_none(sent: bytes) -> None:
    """A process may die between any two bytes: what it did not say whole, it did not say."""
    ours, theirs = socket.socketpair()
    ours.sendall(sent)
    ours.close()
    there = Frames(theirs)
    with pytest.raises(EOFError):
        there.recv_bytes()
    there.close()


# --- a worker that says nonsense -----------------------------------------------------------------


def babbling() -> LocalEngine:
    """Return an engine whose worker says first what no worker of ours does."""
    said = '[["sent", 1, 2, "many", "e", null, null, null, null]]'
    return LocalEngine(FACTORY, {"says": said}, processes=1, connections=1, search=[ROOT])


@pytest.mark.slow
def test_a_worker_that_says_nonsense_ends_the_run() -> None:
    engine = babbling()
    engine.submit(order(wish(1)))
    process = engine._workers[0].process
    try:
        with pytest.raises(MalformedMessage, match=r"sent\.stored_size: str"):
            drained(engine, 1)
    finally:
        engine.close(grace=5)
    assert process.poll() is not None


@pytest.mark.slow
def test_nonsense_does_not_hold_up_the_end() -> None:
    engine = babbling()
    process = engine._workers[0].process
    assert engine._workers[0].wire.connection.poll(60)
    engine.close(grace=60)
    assert process.poll() is not None
