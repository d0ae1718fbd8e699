"""Tell the host whom a grant lets read: print the bucket policy, set it, take it back."""

from __future__ import annotations

from hdh_migrate.clocks import Judge, Moment
from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.events.grants import GrantEntry, GrantPolicySet, GrantPolicySetting
from hdh_migrate.evidence.lines.granted import GrantAccount, GrantStage
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Place
from hdh_migrate.plan.sides import AccessKey
from hdh_migrate.results.grants import BOUNDS, GrantPolicy
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.bound_ledger import journal_of
from hdh_migrate.session.policy.fencing import demand_the_writer
from hdh_migrate.session.policy.granting import accounts
from hdh_migrate.session.policy.newest import demand_newest
from hdh_migrate.session.policy.target_alone import admitted
from hdh_migrate.session.policy.timekeeping import judge_over, offline
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.targets import policies
from hdh_migrate.targets.policies import PRINCIPAL_MAX, PolicyDialect
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.targets.s3_reader import S3Reader
from hdh_migrate.wiring import Vault, routes_of
from hdh_migrate.wiring.chosen import profile_of
from hdh_migrate.wiring.targets import open_target


@frozen
class HostAdministrator:
    """The credential that may set bucket policies, by reference; nothing else uses it."""

    id: str
    secret: str

    @property
    def section(self) -> AccessKey:
        """The credential as plans write one.

        Raises:
            UsageError: a reference is none.
        """
        try:
            return AccessKey(kind="access-key", id=self.id, secret=self.secret)
        except ValueError:
            raise UsageError(
                "a credential is named by reference: env:NAME or file:PATH",
                hint="secrets are not accepted on the command line; nothing was changed",
            ) from None


def administrator_of(key_id: str | None, secret: str | None) -> HostAdministrator | None:
    """Return the credential of two references, None where none is given.

    Raises:
        UsageError: one of them is missing.
    """
    if (key_id is None) != (secret is None):
        raise UsageError("--credential-id and --credential-secret belong together")
    return None if key_id is None or secret is None else HostAdministrator(id=key_id, secret=secret)


def grant_policy(
    desk: Desk, grant: str, principal: str, administrator: HostAdministrator | None
) -> GrantPolicy:
    """Return the policy for a grant's reader; with an administrator's credential, set it.

    Raises:
        UsageError: there is no such grant, or it is not given.
        Refused: the host has no such thing, or setting it would shut others out; or the ledger
            here is not the newest.
        Fenced: the target shows a newer copy of it, or another ledger.
        TargetDiffers: what was read back is not what was set.
        StorageError: the host refuses it.
    """
    who = _principal(principal)
    dialect = PolicyDialect.of(profile_of(desk.loaded.plan, desk.loaded.base))
    account = account_of(desk, grant)
    _demand_given(account, offline(desk.clock, desk.ledger_path).now())
    place = _place(desk, account)
    bucket = place.bucket
    statement = _statement(desk, dialect, account, place, who)
    policy: policies.BucketPolicy = dialect.policy([statement])
    applied = administrator is not None
    if administrator is not None:
        endpoint, judge = _host(desk, administrator)
        reader = S3Reader(admitted(desk), desk.limits)
        with copied_after(desk), journal_of(desk, judge) as ledger:
            # What was revoked meanwhile, or is over by the host's clock, lets nobody in; nor does
            # a copy of the ledger from before a revocation.
            demand_newest(desk, ledger)
            demand_the_writer(desk, ledger, reader)
            _demand_given(accounts(ledger).by_id[grant], judge.now())
            policy = _let_in(desk, endpoint, ledger, account, bucket, who, statement, dialect)
    return {
        "grant": grant,
        "principal": who,
        "dry_run": administrator is None,
        "buckets": [
            {
                "bucket": bucket, "policy": policy, "date": dialect.dates, "applied": applied,
                "other_datasets": _others_under(desk, account.asked.dataset, place),
                "open_ended": not place.prefix.endswith("/"),
            }
        ],
        "bounds": BOUNDS,
    }  # fmt: skip


def let_out(desk: Desk, account: GrantAccount, administrator: HostAdministrator) -> None:
    """Take what lets a grant's reader in out of every policy that has it, and read that back.

    Also where somebody else set the policy that was printed, as long as the plan has the dataset.

    Raises:
        TargetDiffers: what was read back is not what was set.
        StorageError: the host refuses it.
    """
    sid = sid_of(account.origin)
    endpoint, judge = _host(desk, administrator)
    with copied_after(desk), journal_of(desk, judge) as ledger:
        for bucket in _buckets(desk, account):
            entry = account.at_host.get(bucket)
            policy = policies.read_policy(endpoint, bucket)
            there = policies.principal_in(policy, sid)
            if there is None and (entry is None or (entry.sure and not entry.allowed)):
                continue  # nobody set it, or nobody again
            # Taken out once is no promise that nobody set it again.
            known = None if entry is None else entry.principal
            who = known or there
            assert who is not None, "one of them has it"
            about = GrantEntry(grant=account.id, bucket=bucket, principal=who, allowed=False)
            _note(ledger, GrantPolicySetting(**about))
            sha256 = None
            if policy is not None:
                rest = policies.without_statement(policy, sid)
                sha256 = policies.write_policy(endpoint, bucket, rest)
            _note(ledger, GrantPolicySet(**about, sha256=sha256))


def shut_out(desk: Desk, account: GrantAccount, administrator: HostAdministrator) -> list[str]:
    """Do the same while somebody else holds the ledger; return the buckets that were looked at.

    `let_out`, which is still to come, writes the journal.

    Raises:
        TargetDiffers, StorageError: as there.
    """
    sid = sid_of(account.origin)
    endpoint, _ = _host(desk, administrator)
    looked = _buckets(desk, account)
    for bucket in looked:
        policy = policies.read_policy(endpoint, bucket)
        if policy is not None and policies.principal_in(policy, sid) is not None:
            policies.write_policy(endpoint, bucket, policies.without_statement(policy, sid))
    return looked


def in_plan(desk: Desk, account: GrantAccount) -> bool:
    """Return whether the plan still has a grant's dataset, and so says in which bucket it is."""
    return account.asked.dataset in routes_of(desk.loaded.plan)


def _buckets(desk: Desk, account: GrantAccount) -> list[str]:
    """Return where a grant's reader may be let in: where the host was asked, and where it does."""
    route = routes_of(desk.loaded.plan).get(account.asked.dataset)
    own = [] if route is None else [route.target.bucket]
    return list(dict.fromkeys((*account.at_host, *own)))


def sid_of(grant: str) -> str:
    """Return what a bucket policy calls the statement of a grant, by the first of its renewals."""
    return "HdhGrant" + "".join(filter(str.isalnum, grant))


def _let_in(
    desk: Desk,
    endpoint: S3Endpoint,
    ledger: SqliteLedger,
    account: GrantAccount,
    bucket: str,
    principal: str,
    statement: policies.BucketPolicy,
    dialect: PolicyDialect,
) -> policies.BucketPolicy:
    before = policies.read_policy(endpoint, bucket)
    denies = profile_of(desk.loaded.plan, desk.loaded.base).value("implicit_deny")
    if before is None and denies:
        raise Refused(
            f"bucket {bucket} has no policy yet, and here a policy denies everybody what it does"
            " not allow: this one would shut out whoever writes and verifies",
            hint='give it one that lets those in first ("hdh-migrate provision PLAN --policy FILE'
            ' --execute"); nothing was changed',
        )
    about = GrantEntry(grant=account.id, bucket=bucket, principal=principal, allowed=True)
    _note(ledger, GrantPolicySetting(**about))
    policy: policies.BucketPolicy = policies.with_statement(before, statement, dialect)
    _note(ledger, GrantPolicySet(**about, sha256=policies.write_policy(endpoint, bucket, policy)))
    return policy


def _place(desk: Desk, account: GrantAccount) -> Place:
    """Return where a grant's dataset is.

    Raises:
        UsageError: the plan does not have it any more.
    """
    dataset = account.asked.dataset
    route = routes_of(desk.loaded.plan).get(dataset)
    if route is None:
        raise UsageError(
            f"dataset {dataset} of grant {account.id} is not in the plan any more, so where it is"
            " is not known",
            hint="name it in the plan as it was, and give the same command again; nothing was"
            " changed",
        )
    return route.target


def _others_under(desk: Desk, dataset: str, place: Place) -> list[str]:
    """Return the plan's other datasets whose sealed bytes the policy of a place serves, too."""
    return sorted(
        name
        for name, route in routes_of(desk.loaded.plan).items()
        if name != dataset
        and route.target.bucket == place.bucket
        and route.target.prefix.startswith(place.prefix)
    )


def _statement(
    desk: Desk, dialect: PolicyDialect, account: GrantAccount, place: Place, principal: str
) -> policies.BucketPolicy:
    dataset = account.asked.dataset
    ledger = desk.read_ledger()
    try:
        number = next(row.id for row in ledger.datasets() if row.name == dataset)
        versions = ledger.has_versions(number)
    finally:
        ledger.close()
    return dialect.statement(
        sid_of(account.origin), place.bucket, place.prefix, principal, account.asked.until,
        versions=versions,
    )  # fmt: skip


def _demand_given(account: GrantAccount, now: Moment) -> None:
    """Demand that a grant is given and not over, by every clock.

    Raises:
        UsageError: it is not.
    """
    stage = account.stage(now.latest)
    if stage is not GrantStage.GIVEN:
        raise UsageError(
            f"grant {account.id} lets nobody read: it is {stage}",
            hint='"hdh-migrate grants PLAN" shows how each stands; nothing was changed',
        )


def account_of(desk: Desk, grant: str) -> GrantAccount:
    """Return a grant of this migration.

    Raises:
        UsageError: there is none of this name.
    """
    ledger = desk.read_ledger()
    try:
        account = accounts(ledger).by_id.get(grant)
    finally:
        ledger.close()
    if account is None:
        raise UsageError(f"no grant {grant}", hint='"hdh-migrate grants PLAN" lists them')
    return account


def _principal(text: str) -> str:
    if not text or len(text) > PRINCIPAL_MAX or not text.isascii() or not text.isprintable():
        raise UsageError(f"--principal: up to {PRINCIPAL_MAX} characters, as the host writes it")
    if "*" in text:
        raise UsageError(
            "--principal: no wildcard: it would let others read the sealed bytes",
            hint="give the reader's identity as the host's console shows it; nothing was changed",
        )
    return text


def _host(desk: Desk, administrator: HostAdministrator) -> tuple[S3Endpoint, Judge]:
    """Return the way to the host with a credential that sets policies, and who judges the time.

    Raises:
        Refused, ClocksDiffer: the target is not to be contacted.
    """
    plan, base = desk.loaded.plan, desk.loaded.base
    endpoint = open_target(plan, administrator.section, Vault.open(base), network=desk.network)
    judge = judge_over(desk.clock, [endpoint.transport], desk.ledger_path)
    gate.admit_target(endpoint, plan, base, judge)
    return endpoint, judge


def _note(ledger: SqliteLedger, event: GrantPolicySetting | GrantPolicySet) -> None:
    ledger.event(event)
    ledger.commit()
