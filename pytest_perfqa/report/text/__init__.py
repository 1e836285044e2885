"""Text that several outputs share."""
