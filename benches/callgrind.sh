#!/bin/sh
# Counts the instructions that a layer adds to one call, on the calling thread, with valgrind's callgrind.
#
#   benches/callgrind.sh                    prints the counts and the ratio that CI checks
#   benches/callgrind.sh write              the same per row of the writer thread, 10,000 per commit
#   benches/callgrind.sh memory             prints the allocations and cache lines of calls
#   benches/callgrind.sh profile ours 40    prints the profile of a variant, 40 lines
#
# Counts differ by a few percent between runs, no more on a busy machine.
set -eu
cd "$(dirname "$0")/.."

# build BENCH: its executable.
build() {
    cargo bench -q -p benches --bench "$1" --no-run --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\/'"$1"'-[^"]*\)".*/\1/p' | tail -n 1
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# row SIDE: instructions per row when a side writes 200,000 rows.
row() {
    BENCH_ROWS=200000 BENCH_FLUSH_MS=1000000 BENCH_DIR="$folder" \
        valgrind --tool=callgrind --callgrind-out-file="$folder/out" --collect-atstart=no \
        --toggle-collect='*Worker*commit*' --toggle-collect='*Raw*Side*write*' \
        "$bench" "$1" >"$folder/said" 2>&1 || {
        cat "$folder/said" >&2
        exit 1
    }
    echo $(($(sed -n 's/^summary: //p; s/^totals: //p' "$folder/out" | head -n 1) / 200000))
}

if [ "${1:-}" = write ]; then
    bench=$(build write)
    raw=$(row raw-full)
    ours=$(row ours-durable)
    echo "instructions a row: raw loop $raw, ours $ours"
    awk -v ours="$ours" -v raw="$raw" 'BEGIN { printf "ratio write_instructions_vs_raw %.3f\n", raw / ours }'
    exit
fi

bench=$(build call)

# count VARIANT SHAPE CALLS: instructions in the measured calls.
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

# each VARIANT SHAPE: instructions per call, without those of the first calls. With only a few thousand calls it would matter
# whether a queue grows once more before the writer collects it.
each() {
    few=$(count "$1" "$2" 1000)
    many=$(count "$1" "$2" 21000)
    echo $(((many - few) / 20000))
}

if [ "${1:-}" = profile ]; then
    count "$2" ready 3000 >/dev/null
    callgrind_annotate --inclusive="${INCLUSIVE:-no}" "$folder/out" | head -n "${3:-40}"
    exit
fi

# memory VARIANT SHAPE: allocations per call, those that the allocator's cache of the thread does not serve, and lines of 64 bytes
# that are not in a first-level data cache of 32 KiB.
memory() {
    rm -rf "$folder"/store* "$folder"/out*
    for calls in 1000 6000; do
        valgrind --tool=callgrind --callgrind-out-file="$folder/out.$calls" --collect-atstart=no \
            --toggle-collect='*drive*measured*' --compress-strings=no \
            --cache-sim=yes --D1=32768,8,64 --LL=1048576,8,64 \
            "$bench" count "$1" "$2" "$calls" "$folder/store.$calls" >"$folder/said" 2>&1 || {
            cat "$folder/said" >&2
            exit 1
        }
        awk '
            /^cfn=(malloc|calloc|realloc|posix_memalign)$/ { kind = "all" }
            /^cfn=_int_malloc$/ { kind = "slow" }
            /^calls=/ { split(substr($1, 7), n, " "); sum[kind] += n[1]; kind = "" }
            /^(summary|totals):/ { lines = $6 + $7 }
            END { print sum["all"] + 0, sum["slow"] + 0, lines }' "$folder/out.$calls"
    done | awk '
        { all = $1 - all; slow = $2 - slow; lines = $3 - lines }
        END { printf "%.2f %.2f %.2f\n", all / 5000, slow / 5000, lines / 5000 }'
}

if [ "${1:-}" = memory ]; then
    for shape in ready axum; do
        for variant in bare trace ours ours-rich http; do
            echo "$shape $variant: $(memory $variant $shape) allocations, slow ones, cache lines per call"
        done
    done
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
