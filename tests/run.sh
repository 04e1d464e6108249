#!/bin/bash
# SPDX-License-Identifier: MIT
# Sets everything up and runs tests: tests/run.sh [--all] [--preset dev|clang|asan|tsan|fuzz] [--only PATTERN]
#
# Without options it installs what is missing, builds once (preset dev), and runs the unit tests, the fuzz targets on
# their corpus, the integration tests and the interop tests: what somebody needs who has just cloned the project.
#   --all           everything that must pass before a change is accepted. This adds the checks of the sources
#                   (format, layering, exported symbols, clang-tidy, Lua, deployment files, instruction counts), a run under
#                   valgrind, the Debian packages, the recipes of deploy/README.md under systemd, the demo and unit tests
#                   on Debian 13, a build with clang, the unit and integration tests again with the address and thread
#                   sanitizers, and 10 s of libFuzzer for each fuzz target.
#   --preset NAME   only the stages of one build
#   --only PATTERN  only the stages, of all that --all has, whose name matches the regular expression, and the builds
#                   that they need
#
# A stage is one line, "ok|FAIL name seconds"; its output is in build/test-logs/. The last line is "N passed, N failed"
# and counts test cases: those of CUnit and unittest, and every other stage as one. Tests run two at a time for each
# processor, with a sanitizer one, and those with a line "# alone: WHY" by themselves at the end. With --all the builds
# for later tests are made while the tests of an earlier one wait.
# The list of stages follows from the files: tests/unit/**/test_*.c, tests/fuzz/fuzz_*.c with their corpus,
# tests/integration/test_*.py, tests/interop/*.sh, tests/valgrind.sh, tests/packages.sh, tests/install.sh, tests/check-*.sh. An
# integration test runs with each of dev, asan and tsan unless it has a line such as "# presets: dev asan". BUILD_DIR
# tells it where the programs are: $BUILD_DIR/cps/cpsd, $BUILD_DIR/client/cpsctl. An interop test with a line
# "# all: WHY" is run with --all only.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

usage() {
    sed -n '3,/^set /s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

only=
presets=(dev)
all=false
while (($#)); do
    case $1 in
        --all) all=true; presets=(dev clang asan tsan fuzz); shift ;;
        --preset) [[ ${2:-} =~ ^(dev|clang|asan|tsan|fuzz)$ ]] || usage; all=true; presets=("$2"); shift 2 ;;
        --only) [[ -n ${2:-} ]] || usage; only=$2; shift 2 ;;
        *) usage ;;
    esac
done

# a pattern alone chooses from everything
if [[ -n $only ]] && ! $all; then
    all=true presets=(dev clang asan tsan fuzz)
fi

STAGE_LIMIT_S=1800
FUZZ_S=10 # for each target
home=$PWD
logs=$home/build/test-logs
mkdir -p "$logs"
[[ -n $only ]] || rm -rf "${logs:?}"/*

passed=0
failed=0
skipped=0
broken=()
running=()

ahead= # the process that builds for later presets
interrupted() {
    ((${#running[@]} == 0)) || kill -TERM "${running[@]}" 2>/dev/null
    if [[ -n $ahead ]]; then
        kill -TERM -- "-$ahead" 2>/dev/null
        kill -CONT -- "-$ahead" 2>/dev/null
    fi
    echo "interrupted" >&2
    exit 130
}
trap interrupted INT TERM

wanted() {
    [[ -z $only || $1 =~ $only ]]
}

# count KIND LOG STATUS: adds the cases of one stage; false if the stage failed.
count() {
    local good=0 bad=0 skips=0
    case $1 in
        cunit) read -r good bad < <(awk '$1 == "tests" && NF == 6 { g = $4; b = $5 } END { print g + 0, b + 0 }' "$2") ;;
        unittest)
            read -r good bad skips < <(awk '
                /^Ran [0-9]+ tests? in / { ran = $2; f = s = 0 }
                /^(OK|FAILED)/ {
                    while (match($0, /[a-z ]+=[0-9]+/)) {
                        split(substr($0, RSTART, RLENGTH), pair, "=")
                        if (pair[1] ~ /skipped/) s += pair[2]; else if (pair[1] !~ /expected failures/) f += pair[2]
                        $0 = substr($0, RSTART + RLENGTH)
                    }
                }
                END { print ran - f - s, f + 0, s + 0 }' "$2")
            ;;
        script) good=$(($3 == 0)) ;;
    esac
    # a crash has no count of its own, and a program that ran nothing has shown nothing
    if ((bad == 0 && ($3 != 0 || good + skips == 0))); then
        bad=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    skipped=$((skipped + skips))
    ((bad == 0))
}

# Reports of sanitizers go to files, so that one from a daemon that a test started is seen whatever the test made of it.
sanitize() {
    local common="log_path=$1/report:exitcode=99"
    export ASAN_OPTIONS="$common:detect_leaks=1:print_legend=0:detect_stack_use_after_return=1"
    export UBSAN_OPTIONS="$common:print_stacktrace=1:halt_on_error=1"
    export LSAN_OPTIONS="$common"
    export TSAN_OPTIONS="$common:second_deadlock_stack=1"
    [[ ! -e tests/tsan.supp ]] || TSAN_OPTIONS+=":suppressions=$home/tests/tsan.supp"
}

# begin KIND NAME COMMAND...: starts a stage. KIND: cunit, unittest, script.
declare -A begun=() # by process: kind, name, when
begin() {
    local kind=$1 name=$2 log reports
    shift 2
    log=$logs/${name//\//-}.log
    reports=$logs/${name//\//-}.reports
    rm -rf "$reports"
    mkdir -p "$reports"
    (
        sanitize "$reports"
        exec timeout -k 10 "$STAGE_LIMIT_S" "$@"
    ) >"$log" 2>&1 </dev/null &
    begun[$!]="$kind $name $EPOCHREALTIME"
}

# Waits until a stage that was begun is over, prints its line, counts its cases; false if it failed.
end() {
    local child kind name start status=0 seconds log reports
    running=("${!begun[@]}")
    wait -n -p child "${running[@]}" 2>/dev/null || status=$?
    read -r kind name start <<<"${begun[$child]}"
    unset "begun[$child]"
    running=("${!begun[@]}")
    log=$logs/${name//\//-}.log
    reports=$logs/${name//\//-}.reports
    ((status != 124)) || echo "stopped after $STAGE_LIMIT_S seconds" >>"$log"
    if compgen -G "$reports/*" >/dev/null; then
        status=99
        cat "$reports"/* >>"$log"
    fi
    rm -rf "$reports"
    seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    if count "$kind" "$log" "$status"; then
        echo "ok $name $seconds"
        return 0
    fi
    echo "FAIL $name $seconds"
    broken+=("$name")
    tail -n 60 "$log" | cut -c1-400 | sed 's/^/    | /'
    return 1
}

end_all() {
    while ((${#begun[@]})); do
        end
    done
}

# A stage by itself; nothing is built meanwhile, as it may measure time.
stage() {
    local status=0
    end_all
    [[ -z $ahead ]] || kill -STOP -- "-$ahead" 2>/dev/null
    begin "$@"
    end || status=1
    [[ -z $ahead ]] || kill -CONT -- "-$ahead" 2>/dev/null
    return $status
}

# A stage beside others: most tests wait more than they compute; with a sanitizer they compute more.
beside=1
stage_beside() {
    ((${#begun[@]} < beside)) || end
    begin "$@"
}

finish() {
    ((skipped == 0)) || echo "$skipped skipped"
    $all || echo "tests/run.sh --all also runs the checks of the sources, valgrind, the packages, Debian 13, clang, the sanitizers and the fuzzers"
    ((${#broken[@]} == 0)) || echo "failed: ${broken[*]} (what they printed is in build/test-logs/)"
    echo "$passed passed, $failed failed"
    exit $((failed > 0))
}

build() {
    mkdir -p build
    exec 9>"build/.$1.lock"
    flock 9
    cmake --preset "$1" && cmake --build --preset "$1" -j "$(nproc)"
}
export -f build

# Builds the presets in this order while the tests of an earlier one wait. What fails is built again, and shown, in turn.
build_ahead() {
    setsid nice -n 19 bash -c 'for preset; do (build "$preset") >/dev/null 2>&1; done' build "$@" &
    ahead=$!
}

# gcc's thread sanitizer does not know the address layouts of newer kernels
plain_layout=()
if setarch -R true 2>/dev/null; then
    plain_layout=(setarch -R)
fi

runs_with() {
    local presets
    presets=$(sed -n 's/^# presets: *//p' "$1" | head -n 1)
    [[ " ${presets:-dev asan tsan} " == *" $2 "* ]]
}

# Whether a test may run beside another one: not if it measures time or memory, or takes both processors.
how() { # FILE
    if grep -q '^# alone: ' "$1"; then
        echo alone
    else
        echo beside
    fi
}

# The stages of a preset in order, each with how it runs, its kind and its command: "how kind name command...".
stages_of() {
    local preset=$1 file name run=
    [[ $preset != tsan ]] || run=${plain_layout[*]}
    case $preset in
        clang) return 0 ;;
        fuzz)
            for file in tests/fuzz/fuzz_*.c; do
                name=$(basename "$file" .c)
                echo "beside script fuzz/$name tests/fuzz/run.sh $name $FUZZ_S"
            done
            return 0
            ;;
    esac
    for file in tests/unit/**/test_*.c; do
        name=$(basename "$file" .c)
        echo "beside cunit $preset/unit/$name $run build/$preset/tests/$name"
    done
    for file in tests/fuzz/fuzz_*.c; do
        name=$(basename "$file" .c)
        echo "beside script $preset/fuzz/$name $run build/$preset/tests/$name tests/fuzz/corpus/${name#fuzz_}"
    done
    for file in tests/integration/test_*.py; do
        name=$(basename "$file" .py)
        ! runs_with "$file" "$preset" ||
            echo "$(how "$file") unittest $preset/integration/$name $run /usr/bin/python3 -m unittest discover -v" \
                "-s tests/integration -p $name.py"
    done
    [[ $preset == dev ]] || return 0
    interop_stages -L
}

# interop_stages -L|-l: the interop tests for everybody, or those for --all.
interop_stages() {
    local file
    grep "$1" '^# all: ' tests/interop/*.sh | while read -r file; do
        echo "$(how "$file") script dev/interop/$(basename "$file" .sh) $file"
    done
}

# What --all has beyond what a newcomer needs, with the dev build; clang-tidy needs its compile commands.
extra_stages() {
    local file
    echo "beside script dev/valgrind tests/valgrind.sh"
    echo "beside script dev/packages tests/packages.sh"
    echo "beside script dev/install tests/install.sh"
    interop_stages -l
    for file in tests/check-*.sh; do
        echo "$(how "$file") script check/$(basename "${file#tests/check-}" .sh) $file"
    done
    echo "beside script check/arrows-self-test tests/check-arrows.sh --self-test"
}

run_preset() {
    local preset=$1 line plan=()
    export BUILD_DIR=$home/build/$preset
    beside=$(nproc)
    [[ $preset != dev ]] || beside=$((2 * beside))
    while read -r line; do
        wanted "$(cut -d' ' -f3 <<<"$line")" && plan+=("$line")
    done < <(stages_of "$preset"; [[ $preset != dev ]] || ! $all || extra_stages)
    if ((${#plan[@]} == 0)) && ! wanted "$preset/build"; then
        return 0
    fi
    end_all
    begin script "$preset/build" bash -c "build $preset"
    end || return 0
    # shellcheck disable=SC2086 # the words of a line are the command
    for line in "${plan[@]}"; do
        [[ $line != beside* ]] || stage_beside ${line#* }
    done
    # shellcheck disable=SC2086
    for line in "${plan[@]}"; do
        [[ $line != alone* ]] || stage ${line#* }
    done
    end_all
}

shopt -s nullglob globstar
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
stage script deps deploy/install-deps.sh test || finish
((${#presets[@]} == 1)) || [[ -n $only ]] || build_ahead "${presets[@]}"
for preset in "${presets[@]}"; do
    run_preset "$preset"
done
finish
