#!/bin/bash
# Runs everything that must pass, from a clean clone on: tests/run.sh [--preset dev|asan|tsan|clang] [--only PATTERN]
#
# A stage is one line, "ok|FAIL name seconds"; what it printed is in build/test-logs/. The last line is
# "N passed, N failed" and counts test cases: those of CUnit and unittest, and each other stage as one. Unit and
# integration tests run two at a time, but for those with a line "# alone: WHY".
#   --preset NAME   only what belongs to one build; without it dev has all stages, clang is built, asan and tsan run
#                   the unit, fuzz and integration tests again
#   --only PATTERN  only stages whose name matches the regular expression, and the builds that they need
# What there is to run follows from the files: tests/unit/test_*.c, tests/fuzz/fuzz_*.c with their corpus,
# tests/integration/test_*.py, tests/interop/*.sh, tests/valgrind.sh, tests/packages.sh, tests/check-*.sh. An
# integration test runs with each of dev, asan and tsan unless it has a line such as "# presets: dev asan". BUILD_DIR
# tells it where the programs are: $BUILD_DIR/cps/cpsd, $BUILD_DIR/client/cpsctl.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

usage() {
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

only=
chosen=
while (($#)); do
    case $1 in
        --preset) [[ ${2:-} =~ ^(dev|asan|tsan|clang)$ ]] || usage; chosen=$2; shift 2 ;;
        --only) [[ -n ${2:-} ]] || usage; only=$2; shift 2 ;;
        *) usage ;;
    esac
done

STAGE_LIMIT_S=900
home=$PWD
logs=$home/build/test-logs
mkdir -p "$logs"
[[ -n $only ]] || rm -rf "${logs:?}"/*

passed=0
failed=0
skipped=0
broken=()
running=()

interrupted() {
    ((${#running[@]} == 0)) || kill -TERM "${running[@]}" 2>/dev/null
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

# A stage by itself.
stage() {
    end_all
    begin "$@"
    end
}

# A stage beside another one: most tests wait more than they work.
stage_beside() {
    ((${#begun[@]} < 2)) || end
    begin "$@"
}

finish() {
    ((skipped == 0)) || echo "$skipped skipped"
    ((${#broken[@]} == 0)) || echo "failed: ${broken[*]} (what they printed is in build/test-logs/)"
    echo "$passed passed, $failed failed"
    exit $((failed > 0))
}

build() {
    cmake --preset "$1" && cmake --build --preset "$1" -j "$(nproc)"
}
export -f build

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

# How an integration test is run: what measures time, or memory, or takes both processors, is by itself.
beside() { # NAME
    if grep -q '^# alone: ' "tests/integration/${1##*/}.py"; then
        echo stage
    else
        echo stage_beside
    fi
}

# The names of a preset's stages, in order, each with its kind and command: "kind name command...".
stages_of() {
    local preset=$1 file name run=
    [[ $preset != tsan ]] || run=${plain_layout[*]}
    [[ $preset != clang ]] || return 0
    for file in tests/unit/test_*.c; do
        name=$(basename "$file" .c)
        echo "cunit $preset/unit/$name $run build/$preset/tests/$name"
    done
    for file in tests/fuzz/fuzz_*.c; do
        name=$(basename "$file" .c)
        echo "script $preset/fuzz/$name $run build/$preset/tests/$name tests/fuzz/corpus/${name#fuzz_}"
    done
    for file in tests/integration/test_*.py; do
        name=$(basename "$file" .py)
        ! runs_with "$file" "$preset" ||
            echo "unittest $preset/integration/$name $run /usr/bin/python3 -m unittest discover -v" \
                "-s tests/integration -p $name.py"
    done
    [[ $preset == dev ]] || return 0
    for file in tests/interop/*.sh; do
        echo "script dev/interop/$(basename "$file" .sh) $file"
    done
    echo "script dev/valgrind tests/valgrind.sh"
    echo "script dev/packages tests/packages.sh"
}

# Checks of the sources; clang-tidy needs dev's compile commands.
checks() {
    local file
    for file in tests/check-*.sh; do
        echo "script check/$(basename "${file#tests/check-}" .sh) $file"
    done
    echo "script check/arrows-self-test tests/check-arrows.sh --self-test"
}

run_preset() {
    local preset=$1 line plan=()
    export BUILD_DIR=$home/build/$preset
    while read -r line; do
        wanted "$(cut -d' ' -f2 <<<"$line")" && plan+=("$line")
    done < <(stages_of "$preset"; [[ $preset != dev ]] || checks)
    if ((${#plan[@]} == 0)) && ! wanted "$preset/build"; then
        return 0
    fi
    stage script "$preset/build" bash -c "build $preset" || return 0
    for line in "${plan[@]}"; do
        # shellcheck disable=SC2086 # words are what it is made of
        case $line in
            cunit*) stage_beside $line ;;
            unittest*) "$(beside "$(cut -d' ' -f2 <<<"$line")")" $line ;;
            *) stage $line ;;
        esac
    done
    end_all
}

shopt -s nullglob
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
stage script deps deploy/install-deps.sh test || finish
for preset in ${chosen:-dev clang asan tsan}; do
    run_preset "$preset"
done
finish
