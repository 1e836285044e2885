"""What backends do alike, and what is asked of a service whatever it runs on."""
