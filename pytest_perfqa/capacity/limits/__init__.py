"""Where a service breaks: bursts, sustained rates, service level objectives."""
