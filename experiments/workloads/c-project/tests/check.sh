#!/bin/sh
# check.sh PROGRAM SESSION EXPECTED LOG: runs the session, and writes the log if the answers are as expected.
set -eu
program=$1 session=$2 expected=$3 log=$4

"$program" < "$session" > "$log.new"
if ! verdict=$(LC_ALL=C awk -f "${0%/*}/same.awk" "$expected" "$log.new"); then
    echo "$verdict"
    exit 1
fi
echo "$verdict" >> "$log.new"
mv "$log.new" "$log"
