"""Performance and availability requirements of HTTP services as ordinary pytest tests."""

__version__ = "0.1.0"
