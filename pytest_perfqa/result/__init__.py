"""What a run says: samples, attributes, requirements, and whether to believe it."""
