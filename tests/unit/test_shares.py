"""Parts of what all use together: never more than the whole, whoever comes and goes when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.engines.shares import Shares, Unlimited

WHOLE = 1.0 + 1e-6


def told(shares: Shares[str], now: float = 0.0) -> dict[str, float]:
    return dict(shares.due(now))


def settle(shares: Shares[str], now: float = 0.0) -> None:
    """Tell and confirm until nothing is to be told."""
    while due := told(shares, now):
        for member, part in due.items():
            shares.took(member, part)


def test_the_first_has_all() -> None:
    shares = Shares[str]()
    shares.join("a")
    assert told(shares) == {"a": 1.0}
    assert told(shares) == {}


def test_a_newcomer_waits_until_the_others_have_less() -> None:
    shares = Shares[str]()
    shares.join("a")
    settle(shares)
    shares.join("b")
    assert told(shares) == {"a": 0.5}
    assert shares.part("a") == 1.0  # it may not have heard
    shares.took("a", 0.5)
    assert told(shares) == {"b": 0.5}


def test_all_have_equal_parts_in_the_end() -> None:
    shares = Shares[str]()
    for member in "abcdefg":
        shares.join(member)
        settle(shares)
    assert {round(shares.part(member), 9) for member in "abcdefg"} == {round(1 / 7, 9)}


def test_what_somebody_had_who_is_gone_is_kept_back_until_he_must_have_ended() -> None:
    shares = Shares[str]()
    for member in "ab":
        shares.join(member)
    settle(shares)
    shares.leave("b", until=55.0)
    assert told(shares, 54.9) == {}
    assert told(shares, 55.0) == {"a": 1.0}


def test_whoever_said_that_he_ended_gives_his_part_back_at_once() -> None:
    shares = Shares[str]()
    for member in "ab":
        shares.join(member)
    settle(shares)
    shares.leave("b", until=55.0)
    shares.ended("b")
    assert told(shares, 1.0) == {"a": 1.0}


def test_who_comes_while_something_is_kept_back_has_an_equal_part_of_the_rest() -> None:
    shares = Shares[str]()
    for member in "ab":
        shares.join(member)
    settle(shares)
    shares.leave("b", until=55.0)
    shares.join("c")
    settle(shares, 1.0)
    assert (shares.part("a"), shares.part("c")) == (0.25, 0.25)
    settle(shares, 55.0)
    assert (shares.part("a"), shares.part("c")) == (0.5, 0.5)


def test_a_confirmation_of_what_was_not_asked_changes_nothing() -> None:
    shares = Shares[str]()
    shares.join("a")
    settle(shares)
    shares.took("a", 0.1)
    shares.took("stranger", 0.1)
    assert shares.part("a") == 1.0


def test_where_nothing_is_limited_nobody_waits() -> None:
    shares = Unlimited[str]()
    for member in "ab":
        shares.join(member)
    assert told(shares) == {"a": 1.0, "b": 1.0}
    shares.leave("a", until=1e9)
    shares.join("c")
    assert told(shares) == {"c": 1.0}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["join", "leave", "vanish", "ended", "confirm", "tell", "wait"]),
        st.integers(0, 5),
    ),
    max_size=120,
)


@given(STEPS)
def test_the_parts_in_use_never_come_to_more_than_the_whole(
    steps: list[tuple[str, int]],
) -> None:
    """In use is what a member was last told to use, from when it may have heard of it.

    A part that was asked for counts at once when it is more, and only once it is confirmed when it
    is less; who vanished uses its part for 50 s more.
    """
    shares, now, number = Shares[int](), 0.0, 0
    uses, there, asked = dict[int, float](), list[int](), list[tuple[int, float]]()
    gone = dict[int, float]()
    for what, which in steps:
        one = there[which % len(there)] if there else None
        match what:
            case "join":
                number += 1
                there.append(number)
                shares.join(number)
            case "leave" if one is not None:
                there.remove(one)
                shares.leave(one)
                uses.pop(one, None)
            case "vanish" if one is not None:
                there.remove(one)
                shares.leave(one, now + 50)
                gone[one] = now + 50
            case "ended" if gone:
                ended = next(iter(gone))
                del gone[ended]
                uses.pop(ended, None)
                shares.ended(ended)
            case "confirm" if asked:
                member, part = asked.pop(which % len(asked))
                if member in there:
                    uses[member] = part
                    shares.took(member, part)
            case "wait":
                now += 10.0
            case _:
                pass
        for member, until in list(gone.items()):
            if until <= now:
                del gone[member]
                uses.pop(member, None)
        for member, part in shares.due(now):
            asked.append((member, part))
            uses[member] = max(uses.get(member, 0.0), part)
        assert sum(uses.values()) <= WHOLE
        assert shares.in_use <= WHOLE
