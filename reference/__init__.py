"""Minimal, faithful ports of six small concurrent programs; README.md has the details.

Read them in this order: `primes_threadpool`, `quicksort`, `quicksort_threads`,
`quicksort_processes`, `flags2_common`, `flags2_threadpool`, `flags2_asyncio`.
"""
