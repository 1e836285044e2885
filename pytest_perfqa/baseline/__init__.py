"""What services are compared with: where their base comes from, and what it takes to start it."""
