"""Both ends of a cluster: the engine that a coordinator drives, and the node on each machine."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hdh_migrate import __version__
from hdh_migrate.engines.cluster import ClusterSession
from hdh_migrate.engines.node import Node, NodeIdentity, Tools
from hdh_migrate.errors import Refused
from hdh_migrate.pipeline.pace.lanes import SharedLane, shared_file
from hdh_migrate.plan.loader import plan_digest
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.work import Engine
from hdh_migrate.software import code_digest, installing
from hdh_migrate.wiring.sealing import load_recipients
from hdh_migrate.wiring.vault import Vault
from hdh_migrate.wiring.worker_config import WorkerConfig
from hdh_migrate.wiring.workers import config_of, local_engine

if TYPE_CHECKING:
    from hdh_migrate.engines.dask_certificates import CertificatesPeriod

_COORDINATOR: Final = secrets.token_hex(8)
"""Names this process among those that ever drive a cluster."""


def demand_installed() -> None:
    """Refuse, with the command that mends it, to go on without Dask.

    Raises:
        Refused: it is not installed.
    """
    if find_spec("distributed") is None:
        raise Refused(
            "a cluster needs Dask, which is not installed here",
            hint=f"nothing was started; {installing('dask')}",
        )


def cluster_of(plan: Plan, base: Path) -> tuple[str, Path]:
    """Return where a plan's scheduler listens, and the folder of the cluster's certificates.

    Raises:
        Refused: the plan has no cluster.
    """
    engine = plan.engine
    if engine.scheduler is None or engine.certificates is None:
        raise Refused(
            "this plan's engine is no cluster",
            hint="nothing was started; say kind: dask, scheduler and certificates under engine"
            " (hdh-migrate docs scaling)",
        )
    return engine.scheduler, base / engine.certificates


def certificates_period(plan: Plan, base: Path, now: datetime) -> CertificatesPeriod | None:
    """Return when the certificates of a plan's cluster count, None when it has no cluster.

    Raises:
        KeyUnavailable: with them nobody would be let in now.
    """
    if plan.engine.certificates is None:
        return None
    from hdh_migrate.engines.dask_certificates import judged_certificates

    return judged_certificates(base / plan.engine.certificates, now)


def certificates_at_any_time(plan: Plan, base: Path) -> CertificatesPeriod | None:
    """Return when the certificates of a plan's cluster count, be it over; None: no cluster.

    Raises:
        KeyUnavailable: with them nobody would ever be let in.
    """
    if plan.engine.certificates is None:
        return None
    from hdh_migrate.engines.dask_certificates import period_of

    return period_of(base / plan.engine.certificates)


def cluster_engine(config: WorkerConfig, plan: Plan) -> Engine:
    """Begin a session with the nodes of a plan's cluster, for one role.

    Raises:
        Refused: the source counts its sessions, which machines do not share.
        Starved: the scheduler is not there, or does not let us in.
        KeyUnavailable: a certificate is not there.
    """
    _demand_no_counted_sessions(plan)
    demand_installed()
    from hdh_migrate.engines.dask import dask_engine

    scheduler, certificates = cluster_of(plan, config.base)
    session = ClusterSession(
        id=secrets.token_hex(8),
        coordinator=_COORDINATOR,
        run_tag=config.run_tag,
        version=__version__,
        code_sha256=code_digest(),
        plan_sha256=plan_digest(plan),
        role=config.role,
        epoch=config.epoch,
        write=config.write,
        admitted=config.admitted,
        limits=config.limits,
        recipients=config.recipients,
        adopted=config.adopted,
        share=1.0,
    )
    # Somebody may set a limit at any moment: the parts must never come to more than the whole.
    return dask_engine(scheduler, certificates, session, limited=True)


def open_node(plan: Plan, base: Path) -> Node:
    """Return the node of this machine, which works by its own copy of the plan alone."""
    _demand_no_counted_sessions(plan)
    identity = NodeIdentity(
        version=__version__, code_sha256=code_digest(), plan_sha256=plan_digest(plan)
    )
    name = f"{socket.gethostname()}-{secrets.token_hex(3)}"
    return Node(name, identity, _tools(plan, base))


def _demand_no_counted_sessions(plan: Plan) -> None:
    if plan.source.sessions_at_most is not None:
        raise Refused(
            "this source counts its sessions, which the machines of a cluster do not share",
            hint="nothing was started; say engine kind local for it",
        )


def _tools(plan: Plan, base: Path) -> Callable[[ClusterSession], Tools]:
    def opened(session: ClusterSession) -> Tools:
        """Open an engine for a session, with the secrets as they are here and now.

        Raises:
            Refused: the coordinator seals for others than this copy of the plan says.
            KeyUnavailable: a secret or key is not here.
        """
        if session.recipients != load_recipients(plan, base):
            raise Refused("its recipients' keys are not the coordinator's")
        config = config_of(
            plan,
            session.role,
            Vault.open(base),
            session.run_tag,
            epoch=session.epoch,
            write=session.write,
            admitted=session.admitted,
            limits=session.limits,
            recipients=session.recipients,
            adopted=session.adopted,
        )
        descriptor = shared_file()
        lane = SharedLane(descriptor)

        def share(part: float) -> None:
            lane.give(part, time.monotonic())

        share(session.share)
        lane.limit(session.rate, time.monotonic())
        return Tools(engine=local_engine(config, plan, descriptor), share=share)

    return opened
