"""Scenario files: Artillery YAML into a ``Scenario``, with every mistake at once and its line.

What can't be honoured is a mistake, never ignored. Where Artillery leaves a choice:

- An environment is merged as Artillery does it: mappings key by key, lists item by item. Those
  that are not selected are checked too, but for their CSV files, and unless they need environment
  variables that are not set.
- ``rampTo`` without ``arrivalRate`` starts from 0; an ``arrivalRate`` of 0 is a pause.
- A list under ``variables`` gives alternatives, one drawn for each virtual user.
- Payload cells that are JSON numbers or booleans become such, unless ``cast`` is false.
- ``{{ $env.X }}``, ``{{ $processEnvironment.X }}``, ``{{ $environment }}``, ``{{ $dirname }}`` and
  ``{{ $scenarioFile }}`` are filled in when the file is read; for all other templates see
  ``template.py``.
- Top-level keys that begin with ``x-`` hold anchors and are left alone.

The flow of data: ``fields`` and ``url`` are what all keys are made of; ``ensure``, ``phases``,
``payload`` and ``schema`` say what a file may hold; ``environment`` makes one document of it;
``walk``, ``templates``, ``regexp`` and ``checks`` hold its keys against each other; ``flow`` makes
records, and ``reader`` goes through all of it.
"""

from .reader import read_scenario

__all__ = ["read_scenario"]
