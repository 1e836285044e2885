"""Runs, searches and characters as records, which is what pages and exports read."""
