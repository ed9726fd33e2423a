#!/bin/sh
# run.sh BUILD TARGET SECONDS - one fuzz target over its seeds and the corpus that earlier runs have grown.
set -eu
build=$1 target=$2 seconds=$3
corpus=$build/corpus/$target
seeds=tests/fuzz/seeds/$target
mkdir -p "$corpus" "$build/findings" "$seeds"
dict=
[ -f "tests/fuzz/$target.dict" ] && dict="-dict=tests/fuzz/$target.dict"
export ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
"$build/bin/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 -verbosity=0 \
    -max_len=4096 $dict -artifact_prefix="$build/findings/$target-" "$corpus" "$seeds" 2>"$build/$target.log" || {
    tail -n 60 "$build/$target.log"
    echo "fuzz $target: a finding, kept in $build/findings"
    exit 1
}
grep -E 'stat::number_of_executed_units|stat::peak_rss_mb' "$build/$target.log"
echo "fuzz $target: $seconds s without a finding"
