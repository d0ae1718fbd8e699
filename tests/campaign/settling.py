"""The end of a life: the world heals, and quiet work must come to what an undisturbed one gives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from hdh_migrate.codes import Code
from hdh_migrate.model import State
from hdh_migrate.pipeline.projections.standing import FINAL, CutoverStage
from hdh_migrate.pipeline.rotation.header_erasure import COPIES, STRANGE
from hdh_migrate.session.policy.changing import is_followed
from tests.campaign.archive import LONGEST, SimulatedArchive
from tests.campaign.chances import Chances
from tests.campaign.council import Council
from tests.campaign.erasures import Erasures
from tests.campaign.exchanges import Exchanges
from tests.campaign.grants import SimulatedGrants
from tests.campaign.guards import GuardedPointer
from tests.campaign.judging import Judging
from tests.campaign.life import Broken
from tests.campaign.months import DAY, Months
from tests.campaign.openers import Openers
from tests.campaign.operators import AGAIN, REFRESH, Operators
from tests.campaign.packs import KeysByName, is_pack, opened
from tests.campaign.setting import AT_TARGET, BUCKET, ENDING, LOCK_DAYS, OTHER, Setting
from tests.campaign.steering import Steering
from tests.campaign.troubles import Troubles
from tests.support.cutover import BATCH, NEW, OLD
from tests.support.world import ALL

SETTLING = 8
"""Quiet rounds after which a migration must have come to rest."""

Process = Callable[[str, Callable[[], object]], None]


class Settling:
    """Goes on without trouble until nothing changes any more, and compares."""

    def __init__(
        self, setting: Setting, council: Council, pointer: GuardedPointer, chances: Chances,
        troubles: Troubles, operators: Operators, process: Process, exchanges: Exchanges,
        erasures: Erasures | None, grants: SimulatedGrants | None, months: Months | None,
        judging: Judging | None, steering: Steering | None, openers: Openers | None,
        archive: SimulatedArchive | None,
    ) -> None:  # fmt: skip
        self._setting, self._council, self._pointer = setting, council, pointer
        self._chances, self._troubles = chances, troubles
        self._operators, self._process = operators, process
        self._exchanges, self._erasures, self._grants = exchanges, erasures, grants
        self._months, self._judging, self._steering = months, judging, steering
        self._openers, self._archive = openers, archive

    def settle(self) -> None:
        """Come to rest, then to the end that was wished for.

        Raises:
            Broken: it does not, or it is another end.
        """
        self._heal()
        self._setting.turn_to(self._setting.switched_by or self._setting.host)
        self._setting.distrust()
        self._pointer.put_right()
        self._finish_exchange()
        self._finish_erasure()
        if self._setting.host.plans[-1].exclude and not self._followed():
            self._process("settling: amend", lambda: self._operators.amend(()))
        self._take_over()
        self._bring_back()
        self._finish_switch()
        if self._setting.host.plans[-1].exclude and not self._followed():
            self._process("settling: amend", lambda: self._operators.amend(()))
        self._rest()
        self._compare()
        self._read_back()
        self._grant_once_more()
        self._exchange_once_more()
        self._end_grants()
        late = self._setting.dice.random() < 0.5 if self._erasures is not None else False
        if not late:
            self._erase()
        if self._setting.switches:
            self._cut_over()
        if late:
            self._erase()
        self._report()

    def _report(self) -> None:
        """Write a last report, which proves all that a source has that nobody switched away."""
        setting, act = self._setting, self._operators
        if self._judging is not None:
            self._process("settling: judge", self._judging.judge)
        proving = [] if self._followed() else setting.source_keys()
        before = act.reports
        self._process("settling: report", partial(act.report, proving))
        if act.reports == before:
            raise Broken("a report without trouble is not written")

    def _bring_back(self) -> None:
        """Let people ask for what is archived, and for its being readable."""
        act = self._archive
        for _ in range(2 if act is not None and act.holds else 0):
            assert act is not None
            refresh = partial(self._operators.run, ALL, REFRESH)
            self._process("settling: run --refresh", refresh)
            self._process("settling: rehydrate", act.rehydrate)
            self._setting.clock.seconds += LONGEST
        if act is None:
            return
        if act.holds and not self._followed():
            raise Broken("what is archived is not asked for")
        act.thaw()

    def _read_back(self) -> None:
        """Let people read back what came through: without trouble all of it is there."""
        act = self._openers
        if act is None:
            return
        self._process("settling: restore-view", act.view)
        setting = self._setting
        rows = {row["key"]: row["state"] for row in setting.records()}
        held = {
            setting.key(name)
            for name in setting.target._buckets[BUCKET]
            if name.startswith(tuple(setting.prefixes)) and name.endswith(setting.suffix)
        }
        whole = set(rows.values()) <= {State.VERIFIED} and held == rows.keys()
        if act.differences and whole:
            raise Broken(f"a view of a target without trouble tells {act.differences} differences")
        self._process("settling: fetch", act.fetch)
        if self._operators.heralds is not None:
            self._process("settling: notify", self._operators.heralds.notify)

    def _heal(self) -> None:
        self._chances.heal()
        if self._months is not None:
            self._months.heal()
        if self._steering is not None:
            self._steering.let_go()

    def _finish_exchange(self) -> None:
        """Let an exchange of keys come to its end, which all else waits for."""
        act, setting = self._exchanges, self._setting
        if not setting.kind.rekeys or not setting.host.rotating:
            return
        if setting.fenced:
            self._process("settling: fence --take-over", act.take_fence)
        for _ in range(2):  # whichever it is: the other one is refused
            self._process("settling: keys rotate", lambda: act.rotate(another=False))
            self._process("settling: reseal", lambda: act.reseal(another=False))
            self._clear_packs()
        if setting.host.rotating:
            raise Broken("an exchange of keys does not come to its end without trouble")

    def _clear_packs(self) -> None:
        """Do what an exchange asks of people: what is in a pack's place is removed."""
        setting = self._setting
        if not setting.host.rotating:
            return
        for name in [one for one in setting.foreign if is_pack(setting.key(one))]:
            del setting.foreign[name]
            setting.target.drop(BUCKET, name)
            setting.life.tell(f"people: what is in the place of {setting.key(name)} is removed")

    def _finish_erasure(self) -> None:
        """Let an erasure that was begun come to its end, for which its batch waits."""
        act = self._erasures
        if act is None or not act.is_under_way:
            return
        if self._setting.fenced:
            self._process("settling: fence --take-over", self._exchanges.take_fence)
        self._process("settling: erase", act.erase)
        if act.is_under_way:
            raise Broken("an erasure does not come to its end without trouble")

    def _erase(self) -> None:
        """Erase what is to be erased, and look at it once more where all goes well."""
        act, setting = self._erasures, self._setting
        if act is None or setting.dice.random() < 0.3:
            return
        setting.clock.seconds += (LOCK_DAYS + 1) * 86_400
        if ENDING not in setting.host.erased:
            if setting.dice.random() < 0.3:
                self._process("settling: erase, as nobody agreed", act.erase)
            act.agree()
        for _ in range(setting.dice.randint(0, 2)):
            if setting.dice.random() < 0.4:
                self._chances.lose_of_what_ends()
            self._troubles.plant_in_the_end("erase")
            self._process("settling: erase, disturbed", act.erase)
        self._chances.heal()
        for _ in range(2):
            self._process("settling: erase", act.erase)
        if act.remaining is not None and set(act.remaining) - {STRANGE, COPIES}:
            raise Broken(f"an erasure without trouble leaves something: {act.remaining}")
        if not self._followed():
            self._rest()
            self._compare()

    def _grant_once_more(self) -> None:
        """Let a reader read all of it, as is possible without trouble."""
        act = self._grants
        if act is None or not any(
            row["state"] is State.VERIFIED for row in self._setting.records()
        ):
            return
        before = act.given
        for _ in range(2):
            self._process("settling: grant", partial(act.grant, whole=True))
            act.agree()
        if act.given == before:
            raise Broken("a grant without trouble is not given")
        self._process("settling: readers read", act.read)

    def _end_grants(self) -> None:
        """Let readers read once more, and take back what stands."""
        act = self._grants
        if act is None:
            return
        self._process("settling: readers read", act.read)
        for _ in range(2):
            self._process("settling: grant --renew", act.renew)
            act.agree()
        self._process("settling: revoke", act.revoke)
        self._process("settling: readers read", act.read)
        self._setting.clock.seconds += 401 * 86_400
        self._process("settling: readers read, when all is over", act.read)

    def _exchange_once_more(self) -> None:
        """Give everything new headers, and new data keys: nothing may stay as it was."""
        act, setting = self._exchanges, self._setting
        if not setting.kind.rekeys or self._followed():
            return
        for _ in range(setting.dice.randint(0, 2) if setting.beside else 0):
            self._troubles.plant_in_the_end("reseal")
            self._process("settling: reseal, disturbed", act.reseal)
        self._chances.heal()
        self._finish_exchange()
        for name, verb in (("keys rotate", act.rotate), ("reseal", act.reseal)):
            self._process(f"settling: {name}", partial(verb, another=True))
        self._finish_exchange()
        self._rest()
        self._compare()

    def _take_over(self) -> None:
        """Take over what another copy of the ledger moved, and the fence; nothing without another.

        It is refused while a listing has what cannot be moved, until that is listed again.
        """
        if self._setting.fenced or self._setting.lost:
            self._process("settling: adopt", self._operators.adopt)
        if self._setting.fenced:
            self._process("settling: run --take-over", self._operators.take_over)

    def _followed(self) -> bool:
        return is_followed(self._setting.standing())

    def _finish_switch(self) -> None:
        """Go back from whatever is not final: a source that is followed again is moved whole."""
        stage = self._setting.standing().stage
        if stage in FINAL or stage in {CutoverStage.NONE, CutoverStage.ROLLED_BACK}:
            return
        self._process("settling: cutover rollback", self._operators.roll_back)
        if (now := self._setting.standing().stage) is not CutoverStage.ROLLED_BACK:
            raise Broken(f"a rollback without trouble leaves the batch {now}")

    def _rest(self) -> None:
        act, setting = self._operators, self._setting
        for number in range(SETTLING):
            before = self._state()
            self._move_away()
            self._process("settling: verify --again", lambda: act.look("full", afresh=True))
            setting.harmed.intersection_update(self._known_lost())
            self._process("settling: verify --restore", act.restore)
            self._process("settling: run --retry-failed", lambda: act.run(ALL, AGAIN))
            self._process("settling: run --refresh", lambda: act.run(ALL, REFRESH))
            waits = (State.SENT, State.LISTED) if setting.beside else (State.SENT,)
            if any(row["state"] in waits for row in setting.records()):
                self._take_over()  # it was refused, and says that it must come to its end
            if number and self._state() == before:
                return
        raise Broken(f"not at rest after {SETTLING} rounds without trouble")

    def _known_lost(self) -> set[str]:
        """Return what stays verified and is not at the target, as the ledger says itself.

        Only what may be deleted at the source can: all else is sent again.
        """
        done = self._setting.standing().erasure
        numbers = {row["key"]: row["id"] for row in self._setting.records()}
        return {
            key
            for code, key in self._setting.world.findings()
            if code == Code.DECOMMISSION_TARGET_LOST and key is not None
            if done.may_be_deleted(numbers[key])
        }

    def _move_away(self) -> None:
        """Do what a conflict asks of people: what is in the way of an object is moved elsewhere."""
        setting = self._setting
        for row in setting.records():
            name = setting.name(row["key"])
            if row["reason"] == Code.CONFLICT and name in setting.target._buckets[BUCKET]:
                setting.foreign.pop(name, None)
                setting.target.drop(BUCKET, name)
                setting.life.tell(f"target: what is in the way of {row['key']} is moved away")

    def _state(self) -> str:
        """Return a digest of all that must come to rest."""
        fields = ("key", "state", "version", "sha256", "reason")
        rows = [[str({**record}[one]) for one in fields] for record in self._setting.records()]
        places = [one.target for one in self._setting.world.datasets]
        held = sorted(
            (one.key, one.etag) for place in places for one in self._setting.target.keys(place)
        )
        said = repr((rows, held, self._setting.target.uploads()))
        return hashlib.sha256(said.encode()).hexdigest()

    def _compare(self) -> None:
        """Demand what a migration without trouble gives: all of the source, and nothing else."""
        setting = self._setting
        self._compare_packs()
        if self._left_open():
            raise Broken("uploads were left open")
        self._end_those_of_others()
        rows = {record["key"]: record for record in setting.records()}
        findings = {key for _, key in setting.world.findings()}
        followed = self._followed()
        for key in setting.source_keys():
            row = rows.get(key)
            if followed and (row is None or row["state"] is not State.VERIFIED):
                continue  # it came, or changed, after consumers were led away from it
            if row is None:
                raise Broken(f"{key} was never inventoried")
            if row["state"] is not State.VERIFIED:
                if key in findings:
                    raise Broken(f"{key} stays {row['state'].name}: {row['reason']}")
                raise Broken(f"{key} stays {row['state'].name} and nothing says why")
            version = row["version"] or ""
            if not followed and version != setting.source.version(setting.container(key), key):
                raise Broken(f"{key} is verified in a version that is past")
            if not setting.holds(key, version) and key not in self._known_lost():
                raise Broken(f"{key} is verified and differs")
            known = setting.bytes[key, version]
            if row["sha256"] not in {hashlib.sha256(one).hexdigest() for one in known}:
                raise Broken(f"{key} has another digest in the ledger")

    def _compare_packs(self) -> None:
        """Demand that the packs of either place alone open what is verified.

        Unless an exchange of keys said that it left some as they were, for the same command again.
        """
        setting, copies = self._setting, self._setting.host.copies
        if setting.hybrid is None or copies is None or self._exchanges.left():
            return
        lost, public = self._known_lost(), setting.host.recipients[-1]
        now = setting.target._buckets[BUCKET]
        places = {
            "target": [one.data for name, one in now.items() if is_pack(setting.key(name))],
            "second place": [path.read_bytes() for path in copies.files()],
        }
        for place, packs in places.items():
            keys = KeysByName()
            for one in setting.world.datasets:
                keys |= setting.hybrid.keys_in(public, iter(packs), one.name, BUCKET)
            for row in setting.records():
                key, version = row["key"], row["version"] or ""
                if row["state"] is not State.VERIFIED or is_pack(key) or key in lost:
                    continue
                stored, plain = setting.stored(key), setting.bytes[key, version]
                found = [opened(stored or b"", one, len(plain[0])) for one in keys.get(key, ())]
                if not set(found) & set(plain):
                    raise Broken(f"the packs at the {place} do not open {key}")
        setting.packs_harmed = False

    def _left_open(self) -> list[str]:
        """Return the uploads that are open, without those that a ledger takes for somebody else's.

        A ledger that was made anew leaves alone what a lost one had open.
        A copy from before the first write sees what another copy left as what was there before it,
        and an upload says nothing of who began it. So does one that was put back. But all of those
        are told.
        """
        setting = self._setting
        open_ones = list(setting.target._open)
        if not setting.strangers or not open_ones:
            return open_ones
        ledger = setting.world.open()
        try:
            theirs = [one for one in open_ones if ledger.is_foreign(one)]
        finally:
            ledger.close()
        if self._told_of_others() != len(theirs):
            raise Broken("uploads that a ledger takes for somebody else's are told of nowhere")
        return [one for one in open_ones if one not in theirs]

    def _told_of_others(self) -> int:
        """Return how many open uploads the notes say that nobody here began."""
        told = self._setting.findings(Code.UPLOADS_OF_OTHERS)
        return sum(int(one["detail"].partition(" ")[0]) for one in told)

    def _end_those_of_others(self) -> None:
        """Let people say that they are ours, as they do in half of the lives."""
        setting = self._setting
        if not setting.target._open or setting.aside.random() < 0.5:
            return
        clean_up = partial(self._operators.clean_up, 0, others=True)
        self._process("settling: cleanup --others", clean_up)
        if setting.target._open or self._told_of_others():
            raise Broken("uploads that people called ours are left open, or still told")

    # --- to the end ----------------------------------------------------------------------------

    def _cut_over(self) -> None:
        """Switch, finalize and decommission; everything must come through at the second try."""
        setting, act = self._setting, self._operators
        self._chances.waive(lasting=True)
        if not any(row["state"] is State.VERIFIED for row in setting.records()):
            return
        if setting.standing().stage not in FINAL:
            for _ in range(setting.dice.randint(0, 2)):
                self._chances.waive(lasting=True)
                self._council.approve("cutover")
                self._chances.let_trials_land()
                self._troubles.plant_at_the_end(harm=False)
                self._process("settling: cutover start, disturbed", act.start)
            if self._calm() and setting.standing().stage not in AT_TARGET:
                self._finish_switch()  # it began with a pointer that was not the right one
            if setting.dice.random() < 0.3:
                self._council.hold(held=True)
                self._council.approve("cutover")
                self._process("settling: cutover start, held", act.start)
                self._council.hold(held=False)
            self._rehearse()
            self._spoilt("cutover", "cutover start", act.start)
            self._start()
            if setting.dice.random() < 0.3:
                self._process("settling: cutover rollback", act.roll_back)
                self._process("settling: cutover start, approved before", act.start)
                self._start()
            if setting.dice.random() < 0.4:
                self._council.approve("finalize")
                finalize = partial(act.finalize, "the end")
                self._led_elsewhere("settling: cutover finalize, led elsewhere", finalize)
            self._spoilt("finalize", "cutover finalize", partial(act.finalize, "the end"))
            self._finalize()
        if self._pointer.value != NEW:
            raise Broken("it is finalized and the pointer leads elsewhere")
        self._decommission()

    def _finalize(self) -> None:
        """Make the switch final: as it is, where somebody wrote to the source after it."""
        setting, act = self._setting, self._operators
        late = self._written_late()
        self._council.approve("finalize")
        self._process("settling: cutover finalize", lambda: act.finalize("the end"))
        if late:
            if setting.standing().stage is not CutoverStage.OPEN:
                raise Broken(f"it is final, and nobody moves what was written late: {late}")
            self._council.approve("finalize")
            as_it_is = partial(act.finalize, "the end", as_it_is=True)
            self._process("settling: cutover finalize, as it is", as_it_is)
        if (stage := setting.standing().stage) is not CutoverStage.FINALIZED:
            raise Broken(f"a finalization without trouble stops at {stage}")

    def _written_late(self) -> list[str]:
        """Return the keys that the source has, or has otherwise, since it was listed last."""
        setting = self._setting
        versions = {row["key"]: row["version"] for row in setting.records()}
        return [
            key
            for key in setting.source_keys()
            if versions.get(key) != setting.source.version(setting.container(key), key)
        ]

    def _spoilt(self, stage: str, verb: str, act: Callable[[], object]) -> None:
        """Try a step that lacks one thing, a few times: nobody may take it."""
        if self._months is None:
            return
        for _ in range(self._setting.dice.randint(1, 4)):
            lacks = self._months.missing(stage)
            if "waiver" in lacks:  # of a finding that is open
                self._chances.drop()
                self._process("settling: run --refresh", lambda: self._operators.run(ALL, REFRESH))
            self._months.spoil(stage, lacks)
            self._process(f"settling: {verb}, {lacks}", act)
            for _ in range(2 * (lacks == "writes go through" and self._months.shut_writers_out())):
                self._council.approve(stage)
                self._council.approve("freeze", seconds=DAY)
                self._process(f"settling: {verb}, a trial's object is at the source", act)
            self._heal()

    def _rehearse(self) -> None:
        """Play it on the canary, which must be as it was then."""
        if self._months is None:
            return
        self._chances.waive(lasting=True)
        self._process("settling: rehearse", self._operators.rehearse)
        if self._setting.affair.canary.value != OLD:
            raise Broken("a rehearsal without trouble leaves the canary switched")

    def _start(self) -> None:
        """Cut over, with an approval for each try; first do what a refusal says.

        A pointer that somebody gave our value is a switch that landed late, and must go back.
        """
        if self._setting.standing().late:
            self._finish_switch()
        for _ in range(2):
            self._chances.waive(lasting=True)
            self._council.approve("cutover")
            self._process("settling: cutover start", self._operators.start)
        if (stage := self._setting.standing().stage) is not CutoverStage.OPEN:
            raise Broken(f"a cutover without trouble stops at {stage}")

    def _led_elsewhere(self, name: str, act: Callable[[], object]) -> None:
        """Act while somebody else's change leads consumers to a third place."""
        self._pointer.by_somebody(OTHER)
        self._process(name, act)
        self._pointer.put_right()

    def _calm(self) -> bool:
        """Let nobody hold anything any more, and the pointer be put right; say if it was not."""
        self._heal()
        return self._pointer.put_right()

    def _decommission(self) -> None:
        setting, act = self._setting, self._operators
        setting.clock.seconds += act.cooling_seconds + 60
        self._chances.kept.clear()
        if self._months is not None:
            self._process("settling: report", act.report)
            self._spoilt("decommission", "decommission", act.decommission)
        if setting.dice.random() < 0.3:
            self._process("settling: report", act.report)
            self._council.approve("decommission")
            self._led_elsewhere("settling: decommission, led elsewhere", act.decommission)
        for _ in range(setting.dice.randint(0, 2)):
            self._process("settling: report", act.report)
            self._council.approve("decommission")
            self._troubles.plant_at_the_end(harm=True)
            going = setting.dice.random() < 0.5
            verb = partial(act.decommission, keep_going=going)
            self._process("settling: decommission, disturbed", verb)
        self._calm()
        self._chances.mend()
        self._process("settling: verify --again", lambda: act.look("full", afresh=True))
        self._process("settling: verify --restore", act.restore)
        self._process("settling: run --retry-failed", lambda: act.run(ALL, AGAIN))
        self._process("settling: report", act.report)
        self._council.approve("decommission")
        done = {State.VERIFIED, State.EXCLUDED}
        if any(row["state"] not in done for row in setting.records()):
            return  # lost at both ends by somebody else: no report proves the batch
        self._process("settling: decommission", lambda: act.decommission(keep_going=True))
        self._process("settling: decommission --observe", act.observe)
        if any(one.name in setting.host.erased for one in setting.beside if one.batch == BATCH):
            return  # nobody can prove any more that the target holds all of the batch
        rows = {record["key"]: record for record in setting.records()}
        for key in setting.source_keys():
            row = rows.get(key)
            same = row is not None and row["version"] == setting.source.version(
                setting.container(key), key
            )
            theirs = setting.dataset_of(key).batch != BATCH
            if row is not None and row["state"] is State.VERIFIED and same and not theirs:
                raise Broken(f"{key} was to be deleted at the source and is there")
        for key in setting.erased:
            version = rows[key]["version"] or ""
            if not setting.holds(key, version) and not self._is_said_lost(key):
                raise Broken(f"{key} is nowhere any more")

    def _is_said_lost(self, key: str) -> bool:
        """Say whether somebody else spoiled a deleted object's copy, and the ledger says so.

        What is spoiled under the same ETag after it was read shows only when all of it is read
        again; that may be after its original was deleted (`GuardedEraser`), and is then said.
        """
        said = {one["key"] for one in self._setting.findings(Code.DECOMMISSION_TARGET_LOST)}
        return key in self._setting.touched and key in said
