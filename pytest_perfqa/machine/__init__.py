"""This machine: child processes and who ends them, priorities, one load at a time."""
