"""Mathematics of queues, and nothing else."""
