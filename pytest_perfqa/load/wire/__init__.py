"""What the pytest process and the generator processes tell each other."""
