"""The oracle for the prime test; pure."""

_BASES = range(2, 38)
"""With the primes among these as bases, Miller-Rabin is right for every number below 2**64."""


def is_prime(n: int) -> bool:
    """Whether `n`, from 0 to 2**64, is prime; by Miller-Rabin."""
    if n % 2 == 0 or n == 1:
        return n == 2
    odd = n - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos

    def passes(base: int) -> bool:
        x = pow(base, odd, n)  # 0 if the base is a multiple of n, which proves nothing
        return x in (0, 1, n - 1) or any((x := x * x % n) == n - 1 for _ in range(twos))

    return all(map(passes, _BASES))
