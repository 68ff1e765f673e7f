"""Faithful ports of six small concurrent programs.

Read them in this order: `primes_threadpool`, `quicksort`, `quicksort_threads`,
`quicksort_processes`, `flags2_common`, `flags2_threadpool`, `flags2_asyncio`.
Where a port differs from its listing, the table in SPEC.md says so.
"""
