"""Requests at moments of our choice, and what becomes of them."""
