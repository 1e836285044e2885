"""What pytest's terminal shows: the live line, failures, the summary."""
