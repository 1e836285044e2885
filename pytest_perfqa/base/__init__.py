"""What every room stands on: units, evidence, verdicts, conditions, YAML with lines."""
