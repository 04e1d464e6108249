# What run.sh measured, as one object: medians over the rounds, each run of cpsd beside the floor's of the same round.
def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
                   else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def round_to($n): if . == null then null else . * $n | round / $n end;
def expected: if .what == "publish" and (.server | startswith("floor") | not) then "201" else "200" end;
# Answers that are not what they are measured as: another status, a dummy in place of what was stored.
def unexpected: .answers - (.status[expected] // 0) +
    (if (.what == "retrieve-1" or .what == "retrieve-4") and (.server | startswith("floor") | not) and
        .envelopes != (.what[-1:] | tonumber) then .answers else 0 end);
def workers: .server | split("-") | last | tonumber;

$results as $all |
{
  machine: $machine[0],
  settings: {$rounds, $seconds, $connections, $octets},
  http: [
    $all | map(select(.server | startswith("floor") | not)) | group_by([.what, .server])[] |
    map(. as $run | $run + {floor: first($all[] | select(.server == "floor-\($run | workers)" and .round == $run.round
                                                         and .what == $run.what))}) |
    {
      what: .[0].what, server: .[0].server, workers: (.[0] | workers),
      store: (if .[0].server | test("redis") then "redis" else "memory" end),
      per_s: (map(.per_s) | median | round), p50_us: (map(.p50_us) | median), p99_us: (map(.p99_us) | median),
      cpsd_cpu_us: (map(.cpu_us[0]) | median | round_to(100)),
      redis_cpu_us: (map(.cpu_us[1] // empty) | median | round_to(100)),
      answer_octets: (map(.answer_octets) | median), envelopes: (map(.envelopes) | median),
      floor_per_s: (map(.floor.per_s) | median | round),
      floor_cpu_us: (map(.floor.cpu_us[0]) | median | round_to(100)),
      of_floor: (map(.per_s / .floor.per_s) | median | round_to(1000)),
      cpu_times_floor: (map(.cpu_us[0] / .floor.cpu_us[0]) | median | round_to(100))
    }
  ],
  crypto: $crypto[0],
  numbers: $numbers[0],
  redis_memory: $memory[0],
  h2load: [$h2load | group_by(.what)[] |
           {what: .[0].what, per_s: (map(.per_s) | median | round), bad: (map(.done - .good) | add)}],
  rss: [$rss | group_by(.server)[] | add],
  unexpected: (([$all[] | unexpected] + [$filled[] | .answers - (.status["201"] // 0)] +
                [$h2load[] | .done - .good]) | add),
  runs: $all
}
