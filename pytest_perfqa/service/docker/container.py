"""One container of the docker backend: a replica, a proxy, or whatever the compose file has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..shared import logs
from . import engine

if TYPE_CHECKING:
    from pathlib import Path

_STOP_SECONDS = "3"


class ContainerPart:
    """A part that is a container; see ``backend.Part``.

    Attributes:
        service: its service in the compose file.
        was_killed: it was ended by ``kill`` and not started since.
        is_done: it ended by itself, with success, before the service was ready: a preparation.
    """

    def __init__(self, name: str, service: str, container: str, port: int, log: Path) -> None:
        self.name = name
        self.service = service
        self.container = container
        self.port = port
        self.was_killed = False
        self.is_done = False
        self._log = log

    @property
    def pid(self) -> int:
        """The process that leads it, as the engine's machine numbers it; 0 while it doesn't run."""
        return int(self.state["Pid"])

    @property
    def log(self) -> Path:
        """A file with what it has printed until now."""
        engine.write_log(self.container, self._log)
        return self._log

    @property
    def alive(self) -> bool:
        """Whether it runs (or is paused)."""
        return bool(self.state["Running"])

    @property
    def state(self) -> dict[str, Any]:
        """What the engine says about how it is."""
        state: dict[str, Any] = self.facts()["State"]
        return state

    def facts(self) -> dict[str, Any]:
        """Give all that the engine knows about it."""
        return engine.inspect([self.container])[0]

    def addresses(self) -> set[str]:
        """Give its addresses in the networks of its project; others after a restart."""
        networks = self.facts()["NetworkSettings"]["Networks"].values()
        return {each["IPAddress"] for each in networks} - {""}

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.was_killed = True
        if self.alive:
            engine.run_docker("container", "kill", self.container)

    def pause(self) -> None:
        """Freeze it."""
        if not self.state["Paused"]:
            engine.run_docker("container", "pause", self.container)

    def resume(self) -> None:
        """Let it go on."""
        if self.state["Paused"]:
            engine.run_docker("container", "unpause", self.container)

    def restart(self) -> None:
        """End it and start it again."""
        self.resume()
        engine.run_docker("container", "restart", "--time", _STOP_SECONDS, self.container)
        self.was_killed = False

    def ending(self, state: dict[str, Any]) -> str:
        """Write how it ended."""
        if state.get("OOMKilled"):
            return "was killed for want of memory"
        if state.get("Error"):
            return f"could not be started: {state['Error']}"
        return f"exited with code {state['ExitCode']}"

    def last_words(self) -> str:
        """Write the end of its log, with a heading."""
        return f"  log of {self.name}:\n{logs.tail(self.log)}"
