"""What runs inside a generator process only: Locust, gevent, HTTP."""
