"""Buckets at a host, and who makes them what they are to be, while others change them.

The session's own `provision` works on an endpoint in this process: botocore's and our own requests
reach the strict server's store without a network. Beside it stands what an outsider sees there:
that each change has an intent on the disk, and that no rule of somebody's is gone for good.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from hdh_migrate.events.run import BucketProvisioned, BucketProvisioning
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.verbs.provision import KEPT, provisioned
from hdh_migrate.targets import profiles
from hdh_migrate.targets.lifecycles import MovedTo
from hdh_migrate.targets.mends import Wish
from hdh_migrate.targets.provisioning import DONE, NOTHING, ProvisionStep, provision
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import Reply, SigV4, Transport
from tests.campaign.desks import desk_of
from tests.campaign.life import Broken
from tests.campaign.operators import Operators
from tests.campaign.setting import PREFIX, Setting
from tests.support.strict_s3 import Manner, StrictS3
from tests.support.strict_s3.words import Request

PLACE, REGION = "landing", "fr-par"
LOOK, RULES, CHANGE = "settings look", "settings rules", "settings change"
"""What a life calls a request that changes nothing (of lifecycle rules), and one that does."""

RULE = (
    "<Rule><ID>{id}</ID><Status>{status}</Status><Filter><Prefix>{prefix}</Prefix></Filter>"
    "<Expiration><Days>9</Days></Expiration></Rule>"
)
POLICY = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket",
                         "Resource": f"arn:aws:s3:::{PLACE}"}]}  # fmt: skip


class Landlord:
    """Provisions one bucket, and looks that nothing is changed or lost without a word."""

    def __init__(self, setting: Setting, operators: Operators) -> None:
        self._setting, self._operators = setting, operators
        self._dice = random.Random(f"buckets {setting.life.seed}")
        self._server = StrictS3(Manner(checks_signature=False), region=REGION)
        self._server._loop.close()  # nobody reaches it but in this process
        sign = SigV4(region=REGION, access_key="an id", secret_key="a secret")
        self._endpoint = S3Endpoint(
            "http://127.0.0.1:2", addressing="path", sign=sign,
            transport=cast("Transport", self),
        )  # fmt: skip
        profile = profiles.load(self._dice.choice(("generic", "scaleway")))
        self._wish = Wish(
            bucket=PLACE, region=REGION, lock=self._dice.random() < 0.3, lock_later=False,
            rules=profile.health, policy=json.dumps(POLICY), places=(MovedTo(prefix=PREFIX),),
        )  # fmt: skip
        self._rules: dict[str, str] = {}
        """Lifecycle rules that somebody set, by their ids: how each is written."""
        self._taken_away = set[str]()
        """Ids of those that a change of ours took away."""
        self._changed = 0
        self._interfered = False

    # --- what people do --------------------------------------------------------------------------

    def provision(self) -> str:
        """Make the bucket what it is to be."""
        self._interfered = False
        with self._operators.opened(writes=False, during=True) as (ledger, _):
            steps = list(provisioned(desk_of(self._setting), ledger, self._endpoint, self._wish))
        if not self._interfered:
            self._demand_so(steps)
        return f"{sum(step.ok for step in steps)} of {len(steps)} as they are to be"

    def ask(self) -> str:
        """Ask what would be done."""
        before = self._changed
        steps = list(
            provision(self._endpoint, self._wish, execute=False, before=_never, keep=_never_kept)
        )
        if self._changed != before:
            raise Broken("who only asks what would be done changes the bucket")
        return f"{sum(step.ok for step in steps)} of {len(steps)} as they are to be"

    def happen(self) -> None:
        """Let somebody else change the bucket, or make it before we do."""
        buckets, dice = self._server.store.buckets, self._dice
        if PLACE not in buckets:
            return
        self._interfered = True
        what = dice.choice(("sets rules", "sets rules", "removes the rest"))
        if what == "sets rules":
            new = [self._rules[name] for name in self._there()]
            for _ in range(dice.randint(1, 2)):
                name = f"rule-{len(self._rules)}"
                self._rules[name] = RULE.format(
                    id=name, status=dice.choice(("Enabled", "Enabled", "Disabled")),
                    prefix=dice.choice(("", PREFIX, "others/")),
                )  # fmt: skip
                new.append(self._rules[name])
            text = f"<LifecycleConfiguration>{''.join(new)}</LifecycleConfiguration>"
            buckets[PLACE].documents["lifecycle"] = text.encode()
        else:
            for name in ("encryption", "policy"):
                buckets[PLACE].documents.pop(name, None)
        self._setting.life.tell(f"target: somebody {what} of the bucket's settings")

    def settle(self) -> None:
        """Demand that it comes to its end without trouble, and that there is nothing to do then."""
        self.provision()
        before = self._changed
        with self._operators.opened(writes=False, during=True) as (ledger, _):
            steps = list(provisioned(desk_of(self._setting), ledger, self._endpoint, self._wish))
        if self._changed != before or {step.done for step in steps if step.ok} - {NOTHING}:
            raise Broken("a bucket that is as it is to be is changed again")

    def _demand_so(self, steps: list[ProvisionStep]) -> None:
        """Demand of what was called done that it is so, by what the host really has."""
        documents = self._server.store.buckets[PLACE].documents
        for step in steps:
            if not step.ok or step.done == NOTHING:
                continue
            if step.step == "bucket-encryption" and "encryption" not in documents:
                raise Broken("encryption is called set and is not")
            if step.step in {"no-expiry", "no-lifecycle"} and any(
                f"<Prefix>{one}</Prefix>" in self._rules[name] and "Enabled" in self._rules[name]
                for one in ("", PREFIX) for name in self._there()
            ):  # fmt: skip
                raise Broken("rules are called removed that delete what is moved")
            if not step.done.startswith(DONE):
                raise Broken(f"{step.step} is as it is to be, and {step.done}")

    def _there(self) -> list[str]:
        """Return which rules of somebody the bucket has."""
        bucket = self._server.store.buckets.get(PLACE)
        text = b"" if bucket is None else bucket.documents.get("lifecycle", b"")
        return [name for name in self._rules if f"<ID>{name}</ID>".encode() in text]

    # --- the host --------------------------------------------------------------------------------

    def request(self, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Reply:
        """Answer as a `Transport`."""
        parts, body = urlsplit(url), more.get("body")
        lower = {name.lower(): value for name, value in headers.items()}
        asked = Request(method, parts.path, parts.query, lower, bytes(body or b""))
        changes = method not in {"GET", "HEAD"}
        looks = RULES if "lifecycle" in asked.query else LOOK
        with self._setting.script.call(CHANGE if changes else looks):
            self._server._place(asked)
            there = set(self._there())
            if changes:
                self._changed += 1
                self._demand_intent()
            reply = self._server._answered(asked)
            if self._server.failures:
                raise self._server.failures[0]
            if taken := there - set(self._there()):
                self._taken_away |= taken
                self._demand_kept()
        return Reply(reply.status, dict(reply.headers), bytes(reply.body))

    def _demand_intent(self) -> None:
        """Demand that the journal's last word about the bucket is, for good, that it is changed."""
        with self._setting.script.undisturbed():
            ledger = SqliteLedger.read_only(self._setting.world.path, self._setting.clock)
            try:
                told = [one for _, one in ledger.told(BucketProvisioning, BucketProvisioned)]
            finally:
                ledger.close()
        if not told or not isinstance(told[-1], BucketProvisioning):
            raise Broken("a bucket is changed, and no intent on the disk tells of it")

    def _demand_kept(self) -> None:
        """Demand that what was taken away stands in a file."""
        folder = self._setting.world.path.with_name(KEPT)
        files = folder.glob("*.json") if folder.exists() else ()
        kept = "".join(path.read_text("utf-8") for path in files)
        for name in self._taken_away:
            if f'"{name}"' not in kept:
                raise Broken(f"{name} of the bucket's lifecycle is gone, and kept nowhere")


def _never(bucket: str, step: str) -> None:
    raise Broken(f"{bucket}: {step} is done where it was only asked for")


def _never_kept(bucket: str, step: str, there: Mapping[str, object]) -> str:
    del there
    raise Broken(f"{bucket}: {step} is done where it was only asked for")
