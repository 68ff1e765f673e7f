#!/bin/sh
# flags2 by curl: a process per flag, as many at once as it says.
set -u
LC_ALL=C
export LC_ALL

LETTERS='A B C D E F G H I J K L M N O P Q R S T U V W X Y Z'
MOST=16

say() { printf '%s\n' "$1"; }

# One flag: its result is a line in $RESULTS. Its body is first saved in a separate folder,
# because `curl -o` keeps the part of a body that was cut off.
one() {
    code=$1
    small=$(printf %s "$code" | tr A-Z a-z)
    target=downloads/$small.gif
    : >"$WORK/$small"
    status=$(curl -q -s --http1.1 --noproxy '*' --connect-timeout "$PATIENCE" \
        --speed-limit 1 --speed-time "$PATIENCE" -o "$WORK/$small" -w '%{http_code}' \
        "$URL/$small/$small.gif")
    ended=$?
    if [ $ended -ne 0 ]; then
        outcome=error line="*** Error for $code: curl ended with $ended"
    elif [ "$status" = 404 ]; then
        outcome=not_found line="$code not found"
    elif [ "$status" != 200 ]; then
        outcome=error line="*** Error for $code: HTTP $status"
    elif [ -d "$target" ] || ! mv -f "$WORK/$small" "$target" 2>/dev/null; then
        # mv would move into a folder
        outcome=error line="*** Error for $code: cannot be saved"
    else
        outcome=ok line="$code OK"
    fi
    say $outcome >>"$RESULTS"
    [ "$VERBOSE" = 0 ] || say "$line"
    return 0
}

if [ "${1-}" = --one ]; then
    one "$2"
    exit 0
fi

usage() {
    say "usage error: $1"
    exit 2
}

# The number $2 of the option $1.
number() {
    case $2 in
    '' | *[!0-9]* | ??????????*) usage "$1 needs a number" ;;
    esac
    n=${2#"${2%%[!0]*}"}
    [ -n "$n" ] || usage "$1 must be at least 1"
    say "$n"
}

letter() { for second in $LETTERS; do say "$1$second"; done; }

every() { for first in $LETTERS; do letter "$first"; done; }

all= every= limit=676 wanted= label=LOCAL VERBOSE=0 codes=
while [ $# -gt 0 ]; do
    case $1 in
    -a | --all) all=1 ;;
    -e | --every) every=1 ;;
    -v | --verbose) VERBOSE=1 ;;
    -l | --limit | -m | --max_req | -s | --server)
        [ $# -gt 1 ] || usage "$1 needs a value"
        case $1 in
        -l | --limit) limit=$(number "$1" "$2") || usage "$limit" ;;
        -m | --max_req) wanted=$(number "$1" "$2") || usage "$wanted" ;;
        *) label=$(printf %s "$2" | tr a-z A-Z) ;;
        esac
        shift
        ;;
    [A-Za-z] | [A-Za-z][A-Za-z]) codes="$codes $(printf %s "$1" | tr a-z A-Z)" ;;
    *) usage "I cannot read $1" ;;
    esac
    shift
done

case $label in
LOCAL) URL=${FLAGS2_LOCAL_URL:-http://localhost:8001/flags} ;;
DELAY) URL=${FLAGS2_DELAY_URL:-http://localhost:8002/flags} ;;
ERROR) URL=${FLAGS2_ERROR_URL:-http://localhost:8003/flags} ;;
REMOTE) URL=${FLAGS2_REMOTE_URL:-http://flupy.org/data/flags} ;;
*) usage "there is no server $label" ;;
esac

if [ -n "$every" ]; then
    codes=$(every)
elif [ -n "$all" ]; then
    codes=$(cat country_codes.txt 2>/dev/null) || usage "cannot read country_codes.txt"
elif [ -z "$codes" ]; then
    codes='BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN'
fi
codes=$(for code in $codes; do
    case $code in
    ?) letter "$code" ;;
    *) say "$code" ;;
    esac
done | sort -u | head -n "$limit")
set -- $codes
count=$#

wanted=${wanted:-4}
[ "$wanted" -le $MOST ] || wanted=$MOST
[ "$wanted" -le $count ] || wanted=$count

# curl wants whole seconds.
PATIENCE=${FLAGS2_TIMEOUT_S:-30}
case $PATIENCE in
'' | *[!0-9.]* | *.*.*) PATIENCE=30 ;;
*.*) PATIENCE=$((${PATIENCE%%.*} + 1)) ;;
esac
[ "$PATIENCE" -ge 1 ] || PATIENCE=1

s() { [ "$1" = 1 ] || say s; }

# How many downloads ended so.
total() { grep -cx "$1" "$RESULTS"; }

report() {
    ok=$(total ok) not_found=$(total not_found) errors=$(total error)
    say --------------------
    say "$ok flag$(s "$ok") downloaded."
    [ "$not_found" = 0 ] || say "$not_found not found."
    [ "$errors" = 0 ] || say "$errors error$(s "$errors")."
    say "Elapsed time: $(($(date +%s) - start)).00s"
}

interrupted() {
    report
    say "$((count - ok - not_found - errors)) interrupted."
    exit 130
}

say "$label site: ${URL%/}"
if [ $count -le 10 ]; then
    say "Searching for $count flag$(s $count): $(printf %s "$codes" | tr '\n' ' ' | sed 's/ /, /g')"
else
    for last; do :; done
    say "Searching for $count flags: from $1 to $last"
fi
say "$wanted concurrent connection$(s "$wanted") will be used."

start=$(date +%s)
mkdir -p downloads 2>/dev/null
WORK=$(mktemp -d "${TMPDIR:-/tmp}/flags2.XXXXXX") || exit 1
trap 'rm -rf "$WORK"' EXIT
trap interrupted INT
RESULTS=$WORK/results
: >"$RESULTS"
URL=${URL%/}
export URL WORK RESULTS PATIENCE VERBOSE
say "$codes" | xargs -n 1 -P "$wanted" sh "$0" --one
report
