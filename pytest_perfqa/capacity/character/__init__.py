"""What kind of service it is: workers, service time, queue."""
