"""Bytes in and out: requests parsed, ports listened on, replies held back or prepared."""
