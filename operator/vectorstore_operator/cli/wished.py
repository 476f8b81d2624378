"""What tenants ask of a store of this machine by its keys: backups and restores, carried out and told back.

By the rules of a cluster (`backups.tenants`). A wish is open until the instance was told what came of it, so it is
carried out again if this ends in between: the same backup by its name, and the same restore, once, by its run.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vectorstore_instance.backup.result import Info
from vectorstore_operator.backups.known import Backup
from vectorstore_operator.backups.tenants import wishes
from vectorstore_operator.backups.tenants.wishes import Wish
from vectorstore_operator.cli.backing import make, put, running, token_of
from vectorstore_operator.cli.scheduled import Care, known, time_of
from vectorstore_operator.cli.show import say
from vectorstore_operator.local import Problem, stores
from vectorstore_operator.local.backups import Place, store_of
from vectorstore_operator.local.folder import Home
from vectorstore_operator.objects import Object

FAILED = "it failed; whoever runs the store sees why where `vectorstore schedule` runs"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""To this machine, whatever proxy the environment names."""

Look = Callable[[bool], list[Info]]
"""The backups of a store, as was seen last, or anew."""


@dataclass
class Wished:
    """The wishes of the tenants of all stores."""

    home: Home
    at: Place
    _told: dict[str, str] = field(default_factory=dict)

    def see_to(self, name: str, care: Care, look: Look) -> None:
        """Carries out what is asked of a store that runs, and tells its instance how its backups stand.

        Raises:
            Problem: the instance did not answer, or the place of the backups.
        """
        shown = wishes.read(self._ask(name, "usage").get("asked"))
        store: Object = {"metadata": {"uid": store_of(running(self.home, name)[1]).uid}, "status": {}}
        refusals: dict[str, str] = {}
        for wish in shown:
            if wish.verb == "backup" and wish.id in {info.name for info in look(False)}:
                continue  # made before this ended the last time
            why = wishes.refused(wish, store, _known(name, look(False)), datetime.now(UTC))
            why = why or self._carry_out(name, care, wish, look)
            if why:
                refusals[wish.id] = why
            elif wish.verb == "restore":
                store["status"] = {"restore": {"request": wish.id, "phase": "Restored"}}
        body = json.dumps(wishes.told(store, _known(name, look(bool(shown))), shown, refusals))
        if shown or self._told.get(name) != body:
            self._ask(name, "backups", body)
            self._told[name] = body

    def _carry_out(self, name: str, care: Care, wish: Wish, look: Look) -> str | None:
        """Why it came to nothing, if so; the tenant is not told where backups are kept."""
        say(f"{name}: asked for by a key: {wish.verb} {wish.backup or wish.id}")
        try:
            if wish.verb == "backup":
                make(self.home, name, self.at, wish.id, care.verify if wish.verify is None else wish.verify)
                return None
            chosen = next(info for info in look(False) if info.name == wish.backup)
            with stores.locked(self.home, [name], say):
                put(self.home, name, self.at, chosen, wish.id)
        except Problem as problem:
            say(f"Error: {name}: {wish.id}: {problem}")
            return FAILED
        return None

    def _ask(self, name: str, what: str, body: str | None = None) -> dict[str, Any]:
        """Asks an instance at its management port, or tells it something."""
        folder, record = running(self.home, name)
        headers = {"Authorization": f"Bearer {token_of(folder)}"}
        url = f"{record.management_url}/admin/{what}"
        request = urllib.request.Request(url, body.encode() if body else None, headers)  # noqa: S310 - http://127.0.0.1
        try:
            with _DIRECT.open(request, timeout=10) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, ValueError) as problem:
            raise Problem(f"the instance does not answer at {url}: {problem}") from None


def _known(name: str, found: list[Info]) -> list[Backup]:
    return [known(info, scheduled=time_of(name, info.name) is not None) for info in found]
