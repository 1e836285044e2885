"""Characters of services: each found out once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..capacity.character.characterize import characterize
from ..capacity.character.question import question
from .repeating import Attempts

if TYPE_CHECKING:
    from ..capacity.character.kind import Character
    from ..capacity.character.question import Question
    from .probing import Probing

__tracebackhide__ = True


class Characters:
    """Finds out what kind of services they are when that is first asked for.

    Attributes:
        made: what was asked for, and what became of it.
    """

    def __init__(self, probing: Probing) -> None:
        self.made: dict[Question, Character | BaseException] = {}
        self._probing = probing

    def characterize(self, service: str, path: str = "/", **limits: Any) -> Character:
        """Find out what kind of service it is; the same question is asked once.

        Args:
            service: its name.
            path: what is asked for.
            limits: see ``capacity.character.question.question``.

        Raises:
            ConfigurationError: an argument can't be.
            InvalidRun: the measurement can't be believed.
            ServiceError: the service does not answer.
        """
        services = self._probing.services
        started, config = services.started(service), services.configs[service]
        asked = question(
            started.url,
            path,
            service=service,
            time_scale=services.time_scale(service),
            ready=config.ready.path,
            replica_header=config.replica_header,
            **limits,
        )
        if asked not in self.made:
            services.say(f"characterising {service} {path}, for {asked.budget:g} s at most")
            attempts = Attempts(f"the character of {service} {path}")

            def measure() -> Character:
                with self._probing.undisturbed(service, attempts) as (around, notes):
                    found = characterize(asked, around.since)
                    return replace(found, notes=(*notes, *around.notes))

            try:
                self.made[asked] = self._probing.until_believed(attempts, measure)
            except BaseException as error:
                self.made[asked] = error
                raise
        found = self.made[asked]
        if isinstance(found, BaseException):
            raise found
        return found

    def found(self, service: str | None = None) -> list[Character]:
        """Give what was found out about a service, or about all."""
        found = [one for one in self.made.values() if not isinstance(one, BaseException)]
        return [one for one in found if service is None or one.service == service]
