"""up and down: what is seen, what is wanted, the steps between, taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.local import Problem, keys, model, ports, process
from vectorstore_operator.local.folder import Folder, Home
from vectorstore_operator.local.look import existing
from vectorstore_operator.local.manifest import Manifest, Store, parse
from vectorstore_operator.local.steps import Seen, Step, steps
from vectorstore_operator.local.wanted import Place, Record, want

Say = Callable[[str], None]
"""Tells the user how it goes."""

WAKE = "take spec.hibernated out and run `vectorstore up` again, or `vectorstore wake`"


def shipped_plans() -> Mapping[str, PlanSpec]:
    """The plans that come with the product."""
    return parse({"plans.yaml": files("vectorstore_operator").joinpath("plans.yaml").read_text()}).plans


@dataclass(frozen=True)
class Work:
    """What `up` is to do with one store."""

    folder: Folder
    seen: Seen
    wanted: Record
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Up:
    """How `up` goes about it."""

    home: Home
    say: Say
    seconds: float = 120
    """How long a store may take to get ready."""
    attached: bool = False
    """Whether the stores end with this process."""

    def run(self, manifest: Manifest) -> list[str]:
        """Brings every store of a manifest about, none if one of them cannot be; returns their names.

        Raises:
            Problem: a store cannot be as wanted, or does not get ready.
        """
        if not manifest.stores:
            raise Problem("there is no VectorStore in the manifest; add one")
        with locked(self.home, [store.name for store in manifest.stores], self.say):
            plans = {**shipped_plans(), **manifest.plans}
            work = [self._plan_work(store, plans) for store in manifest.stores]
            for one in work:
                self._do(one)
        return [one.wanted.name for one in work]

    def change(self, name: str, **fields: object) -> None:
        """Brings a store about as it last was, but for these fields of its spec.

        Raises:
            Problem: there is no store of that name, it cannot be so, or it does not get ready.
        """
        with locked(self.home, [name], self.say):
            _, record = existing(self.home, name)
            store = Store(record.name, record.namespace, record.spec.model_copy(update=fields))
            self._do(self._plan_work(store, {record.plan: record.plan_spec}))

    def _plan_work(self, store: Store, plans: Mapping[str, PlanSpec]) -> Work:
        folder = self.home.folder(store.name)
        record = folder.read_record()
        seen = Seen(record, folder.read_limits(), process.is_running(folder.path))
        wanted = want(store, plans, record, _place(self.home, folder, seen))
        keys.check(wanted, self.home.secrets)
        if not (wanted.spec.hibernated or wanted.spec.paused):  # else nothing is to start
            _has_key(wanted)
            _has_certificate(wanted)
        return Work(folder, seen, wanted, steps(seen, wanted))

    def _do(self, work: Work) -> None:
        name, settings = work.wanted.name, work.wanted.settings
        if work.wanted.spec.paused:
            self.say(f"{name} is paused and left as it is")
            return
        if work.seen.record and work.seen.record.spec.paused:
            self.say(f"{name} is paused and left as it is; to have it looked after again: vectorstore resume {name}")
            return
        asleep = bool(work.wanted.spec.hibernated)
        if settings.model_dir and not asleep:
            model.convert(settings.model_dir, self.say)
        work.folder.make()
        if told := keys.bring_about(work.folder, work.seen.record, work.wanted, self.home.secrets):
            self.say(f"{name} {told}")
        begin = work.folder.log.stat().st_size if work.folder.log.exists() else 0
        try:
            for step in work.steps:
                self._take(step, work)
            if asleep:
                self.say(f"{name} is hibernated: nothing of it runs, its data and keys stay; to wake it, {WAKE}")
                return
            process.await_ready(
                work.folder.path, work.wanted.management_url, self.seconds, fresh=Step.START in work.steps
            )
        except process.Crashed as crash:
            process.stop(work.folder.path)
            said = "".join(f"\n  {line}" for line in process.last_lines(work.folder.log, begin))
            raise Problem(f"{name}: {crash}:{said}") from None
        except Problem as problem:
            raise Problem(f"{name}: {problem}; its log: {work.folder.log}") from None
        except KeyboardInterrupt:
            if Step.START in work.steps:  # what this command began, it ends
                process.stop(work.folder.path)
            raise
        self.say(f"{name} is ready{'' if work.steps else ', as it was'}: {work.wanted.url}")

    def _take(self, step: Step, work: Work) -> None:
        name, folder, wanted = work.wanted.name, work.folder, work.wanted
        match step:
            case Step.STOP:
                why = "it is to hibernate" if wanted.spec.hibernated else "its plan or settings changed"
                self.say(f"stopping {name}, as {why} ...")
                process.stop(folder.path)
            case Step.LIMITS:
                folder.write_limits(wanted.limits)
                if work.seen.limits and work.seen.limits.max_documents != wanted.limits.max_documents:
                    self.say(f"{name} may now hold {wanted.limits.max_documents} documents")
            case Step.RECORD:
                folder.write_record(wanted)
            case Step.START:
                self.say(f"starting {name} ...")
                process.start(folder.path, folder.log, wanted.settings, attached=self.attached)


def _has_key(wanted: Record) -> None:
    file = wanted.settings.embed_key_file
    if file and not (file.is_file() and file.read_text().strip()):
        raise Problem(
            f"{wanted.name}: there is no key for {wanted.settings.embed_url} in {file}; put it there, as the entry "
            f"{file.name} of the Secret {file.parent.name} would have it, for this user alone (mode 0600)"
        )


def _has_certificate(wanted: Record) -> None:
    """Refuses what would end at once, before what runs is ended for them."""
    folder = wanted.settings.tls_dir
    lacking = [name for name in ("tls.crt", "tls.key") if folder and not (folder / name).is_file()]
    if lacking:
        raise Problem(
            f"{wanted.name}: spec.tls.secretName: there is no {' and no '.join(lacking)} in {folder}, which is that "
            "Secret on this machine; put the certificate and its key there, or remove tls"
        )


def _place(home: Home, folder: Folder, seen: Seen) -> Place:
    """The ports a store has, or new ones where it has none or another program has taken them."""
    chosen: list[int] = []
    if seen.record:
        chosen = [seen.record.settings.port, seen.record.settings.management_port]
    if not seen.running and not all(map(ports.is_free, chosen)):
        chosen = []
    if not chosen:
        first = ports.free_port(())
        chosen = [first, ports.free_port((first,))]
    return Place(folder.path, home.models, chosen[0], chosen[1], home.secrets)


def down(home: Home, names: Iterable[str], say: Say) -> None:
    """Ends stores; their data goes only where `deletionPolicy: Delete` says so.

    Raises:
        Problem: there is no store of that name, or it does not end.
    """
    names = sorted(set(names))
    problems: list[str] = []
    with locked(home, names, say):
        for name in names:
            try:
                _end(*existing(home, name), say)
            except Problem as problem:  # the others are ended all the same
                problems.append(str(problem))
    if problems:
        raise Problem("\n".join(problems))


def _end(folder: Folder, record: Record, say: Say) -> None:
    process.stop(folder.path)
    if record.spec.deletion_policy == "Delete":
        folder.remove()
        say(f"{record.name} is down; its data and keys are deleted, as its deletionPolicy says")
    else:
        say(f"{record.name} is down; its data and keys stay in {folder.path}")


@contextmanager
def locked(home: Home, names: Iterable[str], say: Say) -> Iterator[None]:
    """Keeps other commands off some stores; in one order, so that no two wait for each other."""
    with ExitStack() as stack:
        for name in sorted(set(names)):
            stack.enter_context(home.lock(name, say))
        yield
