"""YAML files with line numbers: read, validated with every mistake at once, numbers and times."""
