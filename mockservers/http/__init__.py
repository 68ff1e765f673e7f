"""Bytes in and out: requests parsed, ports listened on, responses held, prepared and sent."""
