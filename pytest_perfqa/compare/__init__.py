"""Base against head: what pairs of measurements say of a difference, and when it is enough."""
