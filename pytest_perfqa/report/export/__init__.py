"""Figures for other programs: Graphite, OpenMetrics."""
