"""Numbers, sizes, moments and shares as a reader of French or English expects them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hdh_migrate.frozen import frozen

NNBSP = "\u202f"
"""Narrow no-break space: French thousands, and before a semicolon, `?` and `!`."""

NBSP = "\u00a0"

_KIB = 1024


@frozen
class Locale:
    """How one language writes quantities; units are binary and named as such."""

    thousands: str
    decimal: str
    percent: str
    units: tuple[str, ...]
    months: tuple[str, ...]
    first: str  # how the first day of a month is written
    at: str  # between a day and a time of day
    spans: tuple[str, ...]  # days, hours, minutes, seconds
    singular: tuple[int, ...]  # French says "0 objet", English "0 objects"

    def number(self, value: int) -> str:
        """Return a whole number with its thousands apart."""
        return f"{value:,}".replace(",", self.thousands)

    def size(self, value: int, *, exact: bool = False) -> str:
        """Return bytes in the largest binary unit that leaves at least 1, with one decimal.

        An `exact` number of that unit is written without its decimal.
        """
        power = 0
        while value >= _KIB ** (power + 1) and power < len(self.units) - 1:
            power += 1
        if power == 0 or (exact and value % _KIB**power == 0):
            value //= _KIB**power
            return f"{self.number(value)}{NBSP}{self.units[power]}"
        # Cut, not rounded: 1023.97 KiB must not read as 1,024.0 KiB.
        tenths = value * 10 // _KIB**power
        return f"{self._tenths(tenths)}{NBSP}{self.units[power]}"

    def decimal_number(self, value: float) -> str:
        """Return a number rounded to one decimal."""
        near = round(value, 1) + 0.0  # no sign where nothing is left
        return f"{near:.1f}".replace(".", self.decimal).replace("-", "\u2212")

    def length(self, seconds: int) -> str:
        """Return a length of time in its two largest units that are not nothing."""
        days, rest = divmod(max(seconds, 0), 86_400)
        hours, rest = divmod(rest, 3_600)
        minutes, left = divmod(rest, 60)
        values = zip((days, hours, minutes, left), self.spans, strict=True)
        parts = [f"{self.number(value)}{NBSP}{unit}" for value, unit in values]
        first = next((at for at, value in enumerate((days, hours, minutes)) if value), 3)
        shown = [one for one in parts[first : first + 2] if not one.startswith(f"0{NBSP}")]
        return NBSP.join(shown) or parts[3]

    def share(self, tenths: int, *, less: bool = False) -> str:
        """Return a percentage from its tenths; `less`: it is less than that, and not nothing."""
        shown = str(tenths // 10) if tenths in (0, 1000) else self._tenths(tenths)
        return f"<{NBSP}{shown}{self.percent}" if less else f"{shown}{self.percent}"

    def moment(self, text: str) -> str:
        """Return an RFC 3339 time as a date and a time of day in UTC."""
        at = datetime.fromisoformat(text).astimezone(UTC)
        return f"{self._date(at)}{self.at}{self.hour(text)}{NBSP}UTC"

    @staticmethod
    def hour(text: str) -> str:
        """Return the time of day in UTC of an RFC 3339 time."""
        return f"{datetime.fromisoformat(text).astimezone(UTC):%H:%M:%S}"

    def day(self, text: str) -> str:
        """Return a day such as 2037-12-31 as a date."""
        return self._date(date.fromisoformat(text))

    def _date(self, at: date) -> str:
        day = self.first if at.day == 1 else str(at.day)
        return NBSP.join((day, self.months[at.month - 1], str(at.year)))

    def _tenths(self, tenths: int) -> str:
        return f"{self.number(tenths // 10)}{self.decimal}{tenths % 10}"


LOCALES = {
    "fr": Locale(
        thousands=NNBSP,
        decimal=",",
        percent=f"{NBSP}%",
        units=("o", "Kio", "Mio", "Gio", "Tio", "Pio", "Eio"),
        months=(
            *("janvier", "février", "mars", "avril", "mai", "juin"),
            *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
        ),
        first="1er",
        at=f" à{NBSP}",
        spans=("j", "h", "min", "s"),
        singular=(0, 1),
    ),
    "en": Locale(
        thousands=",",
        decimal=".",
        percent="%",
        units=("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"),
        months=(
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
        first="1",
        at=", ",
        spans=("d", "h", "min", "s"),
        singular=(1,),
    ),
}
