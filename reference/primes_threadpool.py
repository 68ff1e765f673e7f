"""`ThreadPoolExecutor.map` over fourteen numbers: the results are in the order of the input.

Port of the listing `primes_threadpool.py`.
"""

import math
import sys
from concurrent import futures
from time import strftime

PRIMES = [
    112272535095293, 112582705942171, 112272535095293, 115280095190773,
    115797848077099, 1099726899285419, 112545606449, 4894348954034, 4236544062,
    11112324353465, 12134123432, 423578924023, 12433323433, 12334452364,
]  # fmt: skip


def is_prime(n: int) -> bool:
    """Trial division by the odd numbers up to the square root of `n`.

    Correct from 3 to 2**53: there the root is exact. Kept from the listing: 2 is not prime (L-1),
    1 is prime (L-2), an odd negative number raises ValueError (L-3).
    """

    def done(prime: bool) -> bool:
        display(f"is_prime({n}): done.")
        return prime

    display(f"is_prime({n}): doing calculating...")
    if n % 2 == 0:
        return done(False)
    for i in range(3, math.floor(math.sqrt(n)) + 1, 2):
        if n % i == 0:
            return done(False)
    return done(True)


def display(message: str) -> None:
    """Print the time of day and `message` in one write: three threads share stdout (R-18)."""
    print(f"{strftime('[%H:%M:%S]')} {message}\n", end="")


def main() -> None:
    """Test the fourteen numbers on three threads, and print each result in input order."""
    display("Script starting.")
    executor = futures.ThreadPoolExecutor(max_workers=3)
    try:
        results = executor.map(is_prime, PRIMES)
        display(f"results: {results}")
        display("Waiting for individual results:")
        for i, result in enumerate(results):
            display(f"result {i}: {result}")
    except KeyboardInterrupt:
        executor.shutdown(cancel_futures=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
