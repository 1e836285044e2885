"""Services started once, runs made once: settled, loaded, broken, read, examined."""
