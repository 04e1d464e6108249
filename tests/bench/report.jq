# What run.sh measured, as one object: medians over the rounds, ratios to nginx's run of the same round.
def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
                   else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def round_to($n): if . == null then null else . * $n | round / $n end;
def expected: if (.what | startswith("publish")) and .server != "floor" and .server != "webdis" then "201" else "200" end;
# Answers that are not what they are measured as: another status, or not as many envelopes.
def unexpected: .answers - (.status[expected] // 0) +
    (if (.what | startswith("retrieve")) and .server != "floor" and .server != "webdis" and .kind == null and
        .envelopes != (.what[-1:] | tonumber) then .answers else 0 end);
# Each run with nginx's of the same round and kind.
def beside: . as $all | map(. as $run | . + {peer: first($all[] |
    select(.server == "nginx" and .what == $run.what and .round == $run.round))});
def ratio(f): map((f) / (.peer | f)) | median | round_to(1000);
def summary:
    {what: .[0].what, server: .[0].server, rate: .[0].rate,
     per_s: (map(.per_s) | median | round), p50_us: (map(.p50_us) | median), p90_us: (map(.p90_us) | median),
     p99_us: (map(.p99_us) | median), p999_us: (map(.p999_us) | median),
     server_cpu_us: (map(.cpu_us[0]) | median | round_to(100)),
     redis_cpu_us: (map(.cpu_us[1] // empty) | median | round_to(100)),
     load_cpu_us: (map(.load_cpu_us) | median | round_to(100))};
def compared:
    beside | group_by([.what, .server]) | map(summary + {
        rate_ratio: ratio(.per_s), p99_ratio: ratio(.p99_us), cpu_ratio: ratio(.cpu_us[0]),
        both_cpu_ratio: (if .[0].cpu_us | length == 2 then ratio(.cpu_us | add) else null end)});

{
  machine: $machine[0],
  top: ($top | compared),
  paced: ($paced | compared),
  h2load: [$h2load | group_by(.server)[] | {server: .[0].server, per_s: (map(.per_s) | median | round)}],
  tokens: ($tokens | {
    per_s: (map(.per_s) | median | round), p99_us: (map(.p99_us) | median),
    server_cpu_us: (map(.cpu_us[0]) | median | round_to(100)),
    all_cpu_us: (map((.cpu_us | add) + .load_cpu_us) | median | round_to(100)),
    verify_per_s: (map(.verify) | median | round), verify_cpu_us: (map(1e6 / .verify_cpu) | median | round_to(100)),
    of_verify: (map(.per_s / .verify) | median | round_to(1000)),
    of_verify_cpu: (map(1e6 / ((.cpu_us | add) + .load_cpu_us) / .verify_cpu) | median | round_to(1000))}),
  crypto: $crypto[0],
  cjose: $cjose[0],
  numbers: $numbers[0],
  busy: [$busy | group_by(.rate)[] |
         {rate: .[0].rate, before: .[0].before, wall_us: (map(.wall_us) | median), cpu_us: (map(.cpu_us) | median)}],
  memory: $memory,
  growth: [$growth | group_by([.kind, .value])[] | summary + {kind: .[0].kind, value: .[0].value,
           answer_octets: (map(.answer_octets) | median | round)}],
  unexpected: (([$top[], $paced[], $growth[] | unexpected] + [($filled + $tokens)[] | .answers - (.status["201"] // .status["200"] // 0)])
               | add),
  runs: {top: $top, paced: $paced, tokens: $tokens, growth: $growth, busy: $busy}
}
