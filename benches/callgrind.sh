#!/bin/sh
# Counts the instructions that a layer adds to one call, on the calling thread, with valgrind's callgrind.
#
#   benches/callgrind.sh                    prints the counts and the ratio that CI holds
#   benches/callgrind.sh profile ours 40    prints where the instructions of a variant go, 40 lines
#
# Counts differ by a few in a hundred between runs, no more on a busy machine.
set -eu
cd "$(dirname "$0")/.."

bench=$(cargo bench -q -p benches --bench call --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*\/call-[^"]*\)".*/\1/p' | tail -n 1)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# count VARIANT SHAPE CALLS: the instructions within the measured calls.
count() {
    rm -rf "$folder"/store* "$folder"/out*
    valgrind --tool=callgrind --callgrind-out-file="$folder/out" --collect-atstart=no \
        --toggle-collect='*drive*measured*' \
        "$bench" count "$1" "$2" "$3" "$folder/store" >"$folder/said" 2>&1 || {
        cat "$folder/said" >&2
        exit 1
    }
    sed -n 's/^summary: //p; s/^totals: //p' "$folder/out" | head -n 1
}

# each VARIANT SHAPE: instructions a call. What the first calls alone need is subtracted.
each() {
    few=$(count "$1" "$2" 1000)
    many=$(count "$1" "$2" 3000)
    echo $(((many - few) / 2000))
}

if [ "${1:-}" = profile ]; then
    count "$2" ready 3000 >/dev/null
    callgrind_annotate --inclusive="${INCLUSIVE:-no}" "$folder/out" | head -n "${3:-40}"
    exit
fi

for shape in ready yield; do
    bare=$(each bare $shape)
    trace=$(($(each trace $shape) - bare))
    ours=$(($(each ours $shape) - bare))
    echo "instructions added to a call, $shape service: TraceLayer $trace, ours $ours (bare $bare)"
    case $shape in
    ready) name=call_instructions_vs_tracelayer ;;
    *) name=call_${shape}_instructions_vs_tracelayer ;;
    esac
    awk -v name="$name" -v ours="$ours" -v trace="$trace" \
        'BEGIN { printf "ratio %s %.3f\n", name, ours / trace }'
done
