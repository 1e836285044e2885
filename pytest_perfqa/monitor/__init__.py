"""What the parts of a service use while the load is on: looked at, never judged."""
