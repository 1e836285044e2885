"""What services are compared with: read, checked and put in its place before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..baseline.configurations import base_configurations, base_name
from ..baseline.sources import HeadProject, Saved, read_source, side
from ..errors import ConfigurationError
from ..measuring.comparisons import Bases
from ..service import selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..baseline.sources import Startable
    from ..machine.children import Reaper
    from ..measuring.chosen import Options
    from ..service.config import ServiceConfig
    from .agenda import Agenda

__tracebackhide__ = True


@dataclass(frozen=True)
class Prepared:
    """The bases of services, none of them started.

    Attributes:
        configs: what it takes to start them, by their own names.
        choices: the backends that they run on.
    """

    bases: Bases
    configs: Mapping[str, ServiceConfig]
    choices: Mapping[str, selection.Choice]


def source_of(options: Options) -> Startable | None:
    """Read where bases come from; None if nothing was said.

    Raises:
        ConfigurationError: it is none of what is accepted, isn't there, or can't be compared with.
    """
    if options.against is None:
        return None
    project = HeadProject(
        options.root, options.services_dir, options.against_folder, options.allow_remote
    )
    source = read_source(options.against, project, options.spelled("against"))
    if isinstance(source, Saved):
        raise ConfigurationError(
            f"{options.spelled('against')}: found {options.against!r}: saved results can't be "
            "compared with yet; accepted: git:REF, FOLDER, URL, service:NAME"
        )
    return source


def prepare_bases(
    source: Startable, options: Options, agenda: Agenda, tree: Path, reaper: Reaper
) -> Prepared:
    """Make the base of each service that is compared.

    Args:
        tree: gets the files of a revision; must not be there.

    Raises:
        ConfigurationError: with all that is missing, or wrong with its files, or can't be compared;
            says that it is the base.
    """
    services = tuple(dict.fromkeys(service for service, _ in agenda.compared.values()))
    found = base_configurations(
        source, services, tree, reaper=reaper, allow_remote=options.allow_remote
    )
    choices: dict[str, selection.Choice] = {}
    mistakes: dict[str, None] = {}
    for service, config in found.items():
        try:
            choices[config.name] = selection.choose(config, options.backend)
            selection.check_prerequisites(config, choices[config.name])
            mistakes |= dict.fromkeys(
                _differences(service, agenda, config, choices[config.name], options)
            )
        except ConfigurationError as error:
            mistakes[str(error).replace(f"{tree}/", "")] = None
    if mistakes:
        lines = (line for text in mistakes for line in text.splitlines())
        raise ConfigurationError("\n".join(f"{side(source)}: {line}" for line in lines))
    names = {service: base_name(service) for service in found}
    configs = {config.name: config for config in found.values()}
    return Prepared(Bases(side(source), names, options.budget), configs, choices)


def _differences(
    service: str,
    agenda: Agenda,
    config: ServiceConfig,
    choice: selection.Choice,
    options: Options,
) -> Iterator[str]:
    """Say what would make a service and its base differ whatever is in them."""
    own = agenda.choices[service].backend
    is_running = config.external is not None or agenda.configs[service].external is not None
    if own != choice.backend and not is_running:
        yield (
            f"{service} runs on {choice.backend}, head on {own}: accepted: the same, chosen with "
            "--perfqa-backend"
        )
    scale, wanted = config.time_scale(options.time_scale), agenda.time_scale(service)
    if scale != wanted:
        yield (
            f"{service} runs at time scale {scale:g}, head at {wanted:g} (least_time_scale): "
            f"accepted: --perfqa-time-scale={max(scale, wanted):g} or more"
        )
