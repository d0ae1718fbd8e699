"""Messages of findings as the product writes them, made from their forms."""

from __future__ import annotations

import re

from hdh_migrate.evidence.page.messages.form import MessageForm

_PUT = re.compile(r"\{([a-z_]+):([a-z]+)\}|\[([^|\]{}]+)\|([^|\]{}]+)\]")


def filled(form: MessageForm, **values: object) -> str:
    """Return the English message of a form with these parameters."""
    lists = [name for name, kind in form.kinds.items() if kind == "numbers"]
    singular = bool(lists) and "," not in str(values[lists[0]])

    def put(found: re.Match[str]) -> str:
        nonlocal singular
        name, kind, one, several = found.groups()
        if name is None:
            return one if singular else several
        if kind == "number":
            singular = str(values[name]) == "1"
        return str(values[name])

    return _PUT.sub(put, form.en)
