"""Every kind of event with its type, and how a body is read by its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, TypeAlias, TypeVar, get_args

from hdh_migrate.events.adoption import AdoptionEvent
from hdh_migrate.events.batches import BatchEvent
from hdh_migrate.events.consent import ConsentEvent
from hdh_migrate.events.course import CourseEvent
from hdh_migrate.events.cutover import SwitchEvent, Track
from hdh_migrate.events.decommission import DecommissionEvent
from hdh_migrate.events.erasure import ErasureEvent
from hdh_migrate.events.event import Event
from hdh_migrate.events.exchange import ExchangeEvent
from hdh_migrate.events.fence import FenceEvent
from hdh_migrate.events.grants import GrantEvent
from hdh_migrate.events.hold import HoldNoticed
from hdh_migrate.events.inventory import InventoryEvent
from hdh_migrate.events.judgements import JudgementEvent
from hdh_migrate.events.looks import LookEvent
from hdh_migrate.events.notices import NoticeEvent
from hdh_migrate.events.objects import ObjectEvent
from hdh_migrate.events.refreshes import RefreshEvent
from hdh_migrate.events.rehydration import RehydrationEvent
from hdh_migrate.events.rotation import RotationEvent
from hdh_migrate.events.run import RunEvent
from hdh_migrate.events.waivers import WaiverEvent
from hdh_migrate.jsonform import JsonForm, OtherForm, json_form

T = TypeVar("T", bound=JsonForm)

CutoverEvent: TypeAlias = SwitchEvent | ConsentEvent | DecommissionEvent
JournalEvent: TypeAlias = (
    InventoryEvent
    | AdoptionEvent
    | ObjectEvent
    | LookEvent
    | RefreshEvent
    | RehydrationEvent
    | BatchEvent
    | RunEvent
    | CourseEvent
    | ExchangeEvent
    | FenceEvent
    | NoticeEvent
    | HoldNoticed
    | GrantEvent
    | RotationEvent
    | ErasureEvent
    | WaiverEvent
    | JudgementEvent
    | CutoverEvent
)

KINDS: Final[Mapping[str, type[Event]]] = {one.kind: one for one in get_args(JournalEvent)}
"""Whatever may stand in a journal of this version."""

CUTOVER_KINDS: Final[Mapping[str, type[CutoverEvent]]] = {
    one.kind: one for one in get_args(CutoverEvent)
}


@json_form
class UnknownOfCutover(JsonForm):
    """An event of a cutover that only a newer version knows: all that is taken is that it came."""

    batch: str
    track: Track


def read_body(of: type[T], text: str) -> T:
    """Read a body that is of this type.

    Raises:
        OtherForm: it is not of this form.
    """
    try:
        return of.of_json(json.loads(text))
    except RecursionError:
        raise OtherForm("too deep") from None
    except ValueError as error:
        raise OtherForm(str(error)) from None
