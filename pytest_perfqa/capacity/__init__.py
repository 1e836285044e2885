"""What a service can do: how much it stands, and what kind of service it is."""
