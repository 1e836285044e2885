"""Configurations of a service, and how they are started, watched and stopped."""
