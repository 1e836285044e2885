"""What every room stands on: units, evidence, verdicts, metrics, conditions, YAML with lines."""
