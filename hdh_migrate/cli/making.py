"""Verbs that make things ready: init, validate, keys, demo."""

from __future__ import annotations

import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.app import AsJson, NoProgress, Plan, StateDir, Task, Verbose
from hdh_migrate.errors import Exit, MigrateError, UsageError

GITIGNORE = "# private keys, credentials and ledgers never belong in version control\n" + "".join(
    f"{line}\n" for line in ("keys/*.sec", "keys/*.key", "secrets/", ".hdh-migrate/", ".env")
)


class Purpose(StrEnum):
    """What a new key is for."""

    SEAL = "seal"
    REPORT = "report"


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to begin.")] = Path(),
    *,
    as_json: AsJson = False,
) -> None:
    """Make a commented plan, keys and a .gitignore to start from.

    Example: hdh-migrate init emc2 && hdh-migrate validate emc2/plan.yaml
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.evidence.signing import new_report_key
        from hdh_migrate.folders import demand_unshared, whole
        from hdh_migrate.plan.template import render
        from hdh_migrate.sealing.keys import new_pair

        plan = folder / "plan.yaml"
        for place in (folder / "keys", folder / ".gitignore"):
            demand_unshared(place)
        if os.path.lexists(plan):
            raise UsageError(f"{plan} exists", hint="nothing was changed; give another folder")
        try:
            (folder / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
            made = [plan, folder / ".gitignore"]
            for name in ("steward", "escrow"):
                made += new_pair(folder / "keys", name, passphrase=None)
            made += new_report_key(folder / "keys", "report", None)
            ignore = folder / ".gitignore"
            before = ignore.read_bytes() if ignore.is_file() else b""
            whole(ignore, before + GITIGNORE.encode(), mode=0o644, replace=True)
            whole(plan, render().encode(), mode=0o644)
        except OSError as error:
            raise MigrateError(
                f"{folder}: {error.strerror}", hint="choose a folder of yours"
            ) from error
        task.out.result(
            {"made": [str(path) for path in made]},
            "\n".join(f"made {path}" for path in made)
            + f"\n\nnext: edit {plan}, then hdh-migrate validate {plan}"
            "\nthe private keys have no passphrase: move keys/escrow.sec offline, and protect"
            "\nthe steward's with hdh-migrate keys new --passphrase",
        )

    task.run(body)


def validate(plan: Plan, *, as_json: AsJson = False) -> None:
    """Check a plan offline; every mistake at once, with file:line:column.

    Example: hdh-migrate validate plans/two-batches.yaml
    """
    task = Task(as_json=as_json)

    def body() -> Exit | None:
        from hdh_migrate.errors import PlanInvalid
        from hdh_migrate.folders import STATE_DIR
        from hdh_migrate.plan.loader import load
        from hdh_migrate.session.outlook import check, demand_current, outlook, outlook_text
        from hdh_migrate.session.quota import problems
        from hdh_migrate.targets.chosen import limits_of

        try:
            loaded = load(plan)
            check(loaded)
            demand_current(loaded)
        except PlanInvalid as error:
            if task.out.as_json:
                task.out.data({"valid": False, "problems": list(error.problems)})
            for problem in error.problems:
                task.out.say(problem)
            count = len(error.problems)
            task.out.say(f"error: {count} problem{'s' if count > 1 else ''} in {plan}")
            if error.hint:
                task.out.say(f"hint: {error.hint}")
            return Exit.REFUSED
        told = outlook(loaded.plan, loaded.base)
        # Sizes are known when an inventory was made in the plan's own state folder.
        limits = limits_of(loaded.plan, loaded.base)
        with suppress(MigrateError):  # a ledger that cannot be read is no fault of the plan
            known = problems(loaded.plan, loaded.base / STATE_DIR, limits)
            told["notes"] += [str(problem) for problem in known]
        task.out.result(
            {"valid": True, "plan_digest": loaded.digest, "target": told},
            "\n".join([f"{plan}: valid", f"plan digest {loaded.digest}", *outlook_text(told)]),
        )
        return None

    task.run(body)


keys = typer.Typer(help="Make and look at keys.", no_args_is_help=True, rich_markup_mode=None)


@keys.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Files NAME.pub and NAME.sec.")],
    *,
    folder: Annotated[Path, typer.Option("--dir", help="Where to put them.")] = Path("keys"),
    purpose: Annotated[
        Purpose, typer.Option(help="seal: Crypt4GH; report: Ed25519.")
    ] = Purpose.SEAL,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase (twice).")
    ] = False,
    passphrase_from: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Take the passphrase from env:NAME or file:PATH."),
    ] = None,
    valid_until: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="The last day of a report key's use, YYYY-MM-DD."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key pair. Nothing is ever overwritten.

    Example: hdh-migrate keys new steward --passphrase
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.evidence.signing import new_report_key
        from hdh_migrate.passphrases import demand_strong
        from hdh_migrate.sealing.keys import new_pair

        phrase = passphrase_of(asked=passphrase, reference=passphrase_from)
        if phrase is not None:
            demand_strong(phrase)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if purpose is Purpose.REPORT:
            made = new_report_key(
                folder, name, phrase.encode() if phrase else None, until=valid_until
            )
        elif valid_until is not None:
            raise UsageError("--valid-until is for report keys: sealed data must open for ever")
        else:
            made = new_pair(folder, name, passphrase=phrase)
        if phrase is None:
            task.out.say("warning: the private key has no passphrase; only its mode protects it")
        task.out.result(
            {"made": [str(path) for path in made]}, "\n".join(f"made {path}" for path in made)
        )

    task.run(body)


@keys.command("drill")
def keys_drill(
    plan: Plan,
    *,
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="A recipient's private key: the escrow's.")
    ],
    passphrase_from: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Take its passphrase from env:NAME or file:PATH."),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Prove that a private key opens what the plan seals, and write in the journal when.

    Example: hdh-migrate keys drill plan.yaml --key /media/escrow/escrow.sec
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.session.drilling import drill

        desk = task.desk(plan, state_dir)
        told = drill(desk, key, passphrase_from)
        task.out.result(
            told,
            f"{told['fingerprint']} opens what is sealed (last proved before:"
            f" {told['proved_before'] or 'never'})",
        )

    task.run(body)


@keys.command("show")
def keys_show(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A public or private key file.")],
    *,
    passphrase_from: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Take the passphrase from env:NAME or file:PATH."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a key file is, and its fingerprint.

    Example: hdh-migrate keys show keys/steward.pub
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.cli.keyfiles import describe

        phrase = passphrase_of(asked=False, reference=passphrase_from)
        told = describe(path, phrase)
        task.out.result(told, "\n".join(f"{name}: {value}" for name, value in told.items()))

    task.run(body)


@keys.command("relock")
def keys_relock(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A private key file.")],
    *,
    passphrase_from: Annotated[
        str | None, typer.Option(metavar="REF", help="The passphrase that it has, if any.")
    ] = None,
    new_passphrase_from: Annotated[
        str | None, typer.Option(metavar="REF", help="The new one; default: it is asked for.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lock a private key anew: by a new passphrase, and as dearly as new keys are.

    Example: hdh-migrate keys relock keys/report.key --passphrase-from file:old
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.cli.keyfiles import relock
        from hdh_migrate.passphrases import demand_strong

        old = passphrase_of(asked=False, reference=passphrase_from)
        new = passphrase_of(asked=True, reference=new_passphrase_from)
        assert new is not None
        demand_strong(new)
        relock(path, old, new)
        task.out.result({"relocked": str(path)}, f"locked anew: {path}")

    task.run(body)


@keys.command("import")
def keys_import(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An OpenSSH public key.")],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="It is written as NAME.pub.")],
    folder: Annotated[Path, typer.Option("--dir", help="Where to put it.")] = Path("keys"),
    valid_until: Annotated[
        str | None, typer.Option(metavar="DAY", help="The last day of its use, YYYY-MM-DD.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take over an SSH key (ssh-ed25519) whose private half stays in its owner's agent.

    Example: hdh-migrate keys import ~/.ssh/id_ed25519.pub --name dpo
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.evidence.signing import import_public, load_verifier

        made = import_public(path, folder, name, valid_until)
        told = {"made": str(made), "key_id": load_verifier(made).key_id}
        task.out.result(told, f"made {made}, {told['key_id']}; name it with --key to sign")

    task.run(body)


def passphrase_of(*, asked: bool, reference: str | None) -> str | None:
    """Return a passphrase from a reference, or ask for it, or None."""
    if reference is not None:
        import os

        from hdh_migrate.plan.secrets import resolve

        return resolve(reference, Path.cwd(), os.environ).reveal()
    if not asked:
        return None
    return str(typer.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True))


class DemoSource(StrEnum):
    """Where the demo's objects come from."""

    AZURE = "azure"
    FOLDER = "folder"


def demo(
    *,
    source: Annotated[
        DemoSource, typer.Option(help="azure: an emulator; folder: needs no Node.")
    ] = DemoSource.AZURE,
    big: Annotated[int, typer.Option(help="MiB of the one large object.", min=24)] = 256,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave both endpoints running, with a plan.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where to work; default a new folder.")
    ] = None,
    as_json: AsJson = False,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Run the whole job on this machine: a source, a target, a kill in the middle, a report.

    Example: hdh-migrate demo --keep
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> Exit | None:
        from hdh_migrate.demo.play import play

        return play(
            source=str(source), big=big << 20, keep=keep, folder=folder,
            out=task.out, stop=task.stop,
        )  # fmt: skip

    task.run(body)


def register(app: typer.Typer) -> None:
    """Add this module's verbs."""
    app.command()(demo)
    app.command()(init)
    app.command()(validate)
    app.add_typer(keys, name="keys")
