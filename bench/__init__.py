"""The bench: what the mock servers cost, side by side with their peers.

Read `__main__`, `side_by_side`, `alone`, `rig`, `peers`, `load`, `processes`, in this order.
Neither package imports it, and it is in no wheel.
"""
