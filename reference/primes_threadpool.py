"""`ThreadPoolExecutor.map` over fourteen numbers: the results come in input order.

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

    Right from 3 to 2**53, where the root is exact. Kept from the listing: 1 is prime (L-2)
    and 2 is not (L-1); an odd negative raises ValueError (L-3).
    """
    display(f"is_prime({n}): doing calculating...")
    prime = n % 2 != 0 and all(n % i for i in range(3, math.floor(math.sqrt(n)) + 1, 2))
    display(f"is_prime({n}): done.")
    return prime


def display(message: str) -> None:
    """Print `message` behind the time of day, as one write: three threads share stdout."""
    print(f"{strftime('[%H:%M:%S]')} {message}\n", end="")


def main() -> None:
    """Start three threads on the fourteen numbers and show each result in input order."""
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
