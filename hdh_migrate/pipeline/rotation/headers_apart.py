"""Wrap the headers anew that the ledger keeps, when keys are exchanged: the bodies do not change.

The ledger is rewrapped first, portion by portion: what is for the recipients of afterwards shows
by itself, so a killed command goes on where it stood. Each new header is opened with the identity
of afterwards, and must give the data key of before. Then the packs get new headers of their own,
as objects with their headers in front do (`rotating`).
"""

from __future__ import annotations

from typing import Final

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.events.rotation import HeadersRewrapped
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.going_on import demand_going
from hdh_migrate.ports.sealing import HeaderRenewal

PORTION: Final = 5_000
"""Headers of one transaction."""


class HeadersApart:
    """Wraps every header of a ledger anew under one rotation's number; again is safe."""

    def __init__(self, ctx: Context, number: int, exchange: HeaderRenewal) -> None:
        self._ctx, self._number, self._exchange = ctx, number, exchange

    def run(self) -> int:
        """Wrap all of them anew; return how many do not open, and are as they were.

        Raises:
            Fenced, Interrupted, HeldUp: somebody stops it; the same command goes on.
        """
        ledger = self._ctx.ledger
        before = self._before()
        after = 0
        while before and (some := ledger.kept_headers(after, PORTION)):
            demand_going(self._ctx)
            ledger.rewrap(
                {
                    one.object: header
                    for one in some
                    if one.block in before and (header := self._header(one.header)) is not None
                }
            )
            after = some[-1].object
        with ledger.whole():
            ledger.drop_blocks()
            ledger.commit()
        return self._tell()

    def _before(self) -> set[int]:
        """Return the blocks that are for others than the recipients of afterwards."""
        blocks = self._ctx.ledger.blocks().items()
        return {number for number, block in blocks if not self._exchange.current(block)}

    def _header(self, header: bytes) -> bytes | None:
        """Return a header of afterwards that was opened; None: that of before does not open."""
        try:
            data_key = self._exchange.data_key(header)
        except UnsealFailed:
            return None
        made = self._exchange.wrap(data_key)
        if self._ctx.envelopes.data_key(made) != data_key:
            raise AssertionError("a header opens to another data key than it was made of")
        return made

    def _tell(self) -> int:
        ledger = self._ctx.ledger
        blocks, before = ledger.blocks(), self._before()
        event = HeadersRewrapped(
            number=self._number, headers=ledger.headers_under(blocks.keys() - before),
            left=ledger.headers_under(before),
        )  # fmt: skip
        last = [one for _, one in ledger.events(HeadersRewrapped)][-1:]
        if last != [event]:
            ledger.event(event)
            ledger.commit()
        return event.left
