"""Which data a downloader loses: `conformance download` (docs/downloaders/spec.md).

content      a resource that explains itself, and what the bytes of a file are
clauses      the clauses of docs/downloaders/spec.md
recording    what is seen of the runs of a command in one situation
pages        what a server sent that is nothing of the resource
met          whether a situation came about
situations   what a command meets, as data; `resuming` has those with ranges
runner       runs the command, and ends it
story        a recording as text, request by request
judge        what a recording shows
suite        all situations of one command
report       the report
command      what `conformance download` does
"""
