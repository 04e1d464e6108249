# The tables of tests/bench/README.md from bench.json: jq -r -f tests/bench/readme.jq build/bench/bench.json
def or_blank: if . == null then "" else . end;
def ms: if . == null then "" else . / 1000 * 100 | round / 100 end;
def share: "\(. * 100 | round)%";
def two: . * 100 | round / 100;
# 70123 -> 70,123
def thousands: tostring | if length > 3 then (.[:-3] | thousands) + "," + .[-3:] else . end;
def cells: "| " + (map(or_blank | tostring) | join(" | ")) + " |";
def ruler($n): "|" + ("---|" * $n);
def servers: [["nginx", "nginx + Lua + Redis"], ["cpsd-1", "cpsd, 1 worker"], ["cpsd-2", "cpsd, 2 workers"],
              ["webdis", "webdis, no TLS"], ["floor", "TLS alone"]];
def whats: [["publish", "publish"], ["publish-again", "publish, 50,000 numbers in turn"],
            ["retrieve-1", "retrieve, box of 1"], ["retrieve-4", "retrieve, box of 4"]];
. as $r |
def of($list; $what; $server): first($list[] | select(.what == $what and .server == $server)) // null;
(["", "req/s", "/ nginx", "p99 at 60% of nginx's most, ms", "/ nginx", "server, us per request", "/ nginx", "Redis, us",
  "server and Redis / nginx"] | cells), ruler(9),
(whats[] as $w | servers[] as $s | of($r.top; $w[0]; $s[0]) as $top | of($r.paced; $w[0]; $s[0]) as $paced |
 select($top) | ["\($w[1]): \($s[1])", ($top.per_s | thousands), ($top.rate_ratio | two), ($paced.p99_us | ms),
                 (if $paced then $paced.p99_ratio | two else null end), ($top.server_cpu_us * 10 | round / 10),
                 ($top.cpu_ratio | two), (if $top.redis_cpu_us then $top.redis_cpu_us * 10 | round / 10 else null end),
                 (if $top.both_cpu_ratio then $top.both_cpu_ratio | two else null end)] | cells),
"",
(["one core", "per second", "raw EVP", "share"] | cells), ruler(4),
({"sign+encrypt": "sign + encrypt", "decrypt+verify": "decrypt + verify", "sign+encrypt-p256": "sign + encrypt, P-256",
  "decrypt+verify-p256": "decrypt + verify, P-256"} | to_entries[] | .value as $name | $r.crypto[.key] |
 [$name, (.ops_s | thousands), (.raw_ops_s | thousands), (.ratio | share)] | cells),
($r.cjose["sign+encrypt-p256"] |
 ["cjose, sign + encrypt, P-256", (.cjose_ops_s | thousands), null, "ours is \(.ratio) times that"] | cells),
"",
($r.memory[] | "Redis, \(.boxes) boxes, \(if .settings == "" then "memory.conf" else .settings end): \(.octets_each) octets; cpsd \(.cpsd_start_kb) -> \(.cpsd_end_kb) kB"),
($r.busy[] | "one at \(.rate) a second, \(.before) before: \(.cpu_us) us"),
($r.tokens | "with a token: \(.per_s)/s, \(.all_cpu_us) us in all, \(.of_verify_cpu) of verify"),
"",
(if ($r.growth | length) > 0 then
 (["", "", "req/s", "p50 ms", "cpsd us", "Redis us"] | cells), ruler(6),
 ({box: "envelopes in the box, retrieved", body: "octets of the envelope, published", connections: "connections, publishing",
   workers: "workers, publishing"} as $names | $r.growth | sort_by([(.kind | {box: 0, body: 1, connections: 2, workers: 3}[.]), .value])[] |
  [$names[.kind], (.value | thousands), (.per_s | thousands), (.p50_us | ms), (.server_cpu_us * 10 | round / 10),
   (.redis_cpu_us * 10 | round / 10)] | cells) else empty end)
