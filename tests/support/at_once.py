"""An executor for the kit that waits for nothing."""

from concurrent.futures import Future


class AtOnce:
    """Runs each call at once, in this thread."""

    def submit(self, call, *arguments):
        future = Future()
        future.set_result(call(*arguments))
        return future
