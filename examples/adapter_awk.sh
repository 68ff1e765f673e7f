#!/bin/sh
# An adapter in shell and awk, for the prime test and the quicksort only:
# `conformance adapter -- sh adapter_awk.sh`. It starts one awk per line, because some versions of
# awk do not read a line before their input buffer is full.
program='
function is_prime(n,   i) {
    if (n < 2 || n % 2 == 0) return n == 2
    for (i = 3; i * i <= n; i += 2) if (n % i == 0) return 0
    return 1
}
function sort(items, low, high,   i, j, pivot, kept) {
    while (low < high) {
        pivot = items[int((low + high) / 2)] + 0
        i = low; j = high
        while (i <= j) {
            while (items[i] + 0 < pivot) i++
            while (items[j] + 0 > pivot) j--
            if (i <= j) { kept = items[i]; items[i++] = items[j]; items[j--] = kept }
        }
        if (j - low < high - i) { sort(items, low, j); low = i }  # sort the shorter side first,
        else { sort(items, i, high); high = j }                   # so that the depth stays low
    }
}
/"op": "is_prime"/ {
    sub(/.*"n": /, "")
    print "{\"result\": " (is_prime($0 + 0) ? "true" : "false") "}"
    next
}
/"op": "quicksort"/ {
    gsub(/.*\[|\].*/, "")
    count = split($0, items, /, /)
    sort(items, 1, count)
    for (i = 1; i <= count; i++) text = text (i > 1 ? ", " : "") items[i]
    print "{\"result\": [" text "]}"
    next
}
{ print "{\"unsupported\": true}" }
'
while read -r question; do
    printf '%s\n' "$question" | awk "$program"
done
