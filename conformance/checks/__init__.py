"""Checks of a recorded run: plain functions on values; nothing here touches the machine."""
