# The report as text.
def left($n): tostring | . + (" " * ([0, $n - length] | max));
def right($n): tostring | (" " * ([0, $n - length] | max)) + .;
def ms: if . == null then "-" else . / 1000 * 100 | round / 100 end;
def or_dash: if . == null then "-" else . end;
def percent: "\(. * 100 | round)%";
def names: {nginx: "nginx + Lua + Redis", "cpsd-1": "cpsd, 1 worker", "cpsd-2": "cpsd, 2 workers", webdis: "webdis (*)",
            floor: "TLS echo (**)"}[.] // .;
def order: {nginx: 0, "cpsd-1": 1, "cpsd-2": 2, webdis: 3, floor: 4}[.server];
def whats: ["publish", "publish-again", "retrieve-1", "retrieve-4"];
def sorted: sort_by([(.what as $w | whats | index($w)), order]);
def find($list; $what; $server): first($list[] | select(.what == $what and .server == $server));
def verdict($value; $least; $aim; $more):
    if $value == null then "not measured"
    elif (if $more then $value >= $aim else $value <= $aim end) then "aim reached"
    elif (if $more then $value >= $least else $value <= $least end) then "reached" else "MISSED" end;
def line($what; $value; $least; $aim; $more):
    "\($what | left(66))\($value | or_dash | right(8))\($least | right(8))\($aim | right(8))  \(verdict($value; $least; $aim; $more))";
. as $r | .machine as $m |
(
"\($m.cores) x \($m.cpu), \($m.memory_mb) MB, \($m.system), OpenSSL \($m.openssl), Redis \($m.redis), nginx \($m.nginx), webdis \($m.webdis), cjose \($m.cjose)",
"commit \($m.commit), \($m.rounds) rounds of \($m.seconds) s, medians; load average \($m.load_before) before, \($m.load_after) after; \($m.took_s) s",
"TLS 1.3 on loopback, \($m.connections) kept-alive connections, \($m.octets)-octet envelopes; load generator and Redis on the same cores",
"",
"\("at most" | left(14))\("" | left(22))\("req/s" | right(8))\("/nginx" | right(8))\("p50 ms" | right(8))\("p99 ms" | right(8))\("server us" | right(11))\("/nginx" | right(8))\("Redis us" | right(10))\("both/nginx" | right(12))",
(.top | sorted[] |
 "\(.what | left(14))\(.server | names | left(22))\(.per_s | right(8))\(.rate_ratio | right(8))\(.p50_us | ms | right(8))\(.p99_us | ms | right(8))\(.server_cpu_us | right(11))\(.cpu_ratio | right(8))\(.redis_cpu_us | or_dash | right(10))\(.both_cpu_ratio | or_dash | right(12))"),
"us: processor time (user + system) a request. (*) webdis: plain HTTP, no expiry, no Location: less work.",
"publish: each to a number that has nothing yet; publish-again: to the same 50,000 numbers in turn.",
"(**) OpenSSL and epoll answering as many octets with nothing behind it: what TLS and the kernel cost alone.",
"",
"\("at a rate" | left(14))\("" | left(22))\("req/s" | right(8))\("p50 ms" | right(8))\("p90 ms" | right(8))\("p99 ms" | right(8))\("p99.9 ms" | right(9))\("p99/nginx" | right(11))\("server us" | right(11))",
(.paced | sorted[] |
 "\(.what | left(14))\(.server | names | left(22))\(.rate | right(8))\(.p50_us | ms | right(8))\(.p90_us | ms | right(8))\(.p99_us | ms | right(8))\(.p999_us | ms | right(9))\(.p99_ratio | right(11))\(.server_cpu_us | right(11))"),
"Requests by chance at 60% of nginx's most; a latency counts from when a request was due.",
"",
"h2load, a second opinion, retrieving one box of one: \([.h2load[] | "\(.server) \(.per_s)/s"] | join(", "))",
"",
(.tokens | "publish, each with a bearer token of its own, \($m.cores) workers: \(.per_s)/s, p99 \(.p99_us | ms) ms, server \(.server_cpu_us) us, with Redis and load \(.all_cpu_us) us",
           "openssl speed ecdsap256 verify: \(.verify_per_s)/s on the same cores, \(.verify_cpu_us) us of processor time"),
"",
"\("one core" | left(22))\("ours/s" | right(9))\("raw EVP/s" | right(11))\("of raw" | right(8))",
(.crypto | to_entries[] | "\(.key | left(22))\(.value.ops_s | right(9))\(.value.raw_ops_s | or_dash | right(11))\(if .value.ratio then .value.ratio | percent else "-" end | right(8))"),
(.cjose["sign+encrypt-p256"] | "cjose, sign+encrypt on P-256: \(.cjose_ops_s)/s beside our \(.ops_s)/s: \(.ratio) times"),
"",
(.memory[] | "Redis memory, \(.boxes) boxes of one \(.octets)-octet envelope, \(if .settings == "" then "deploy/redis/memory.conf" else "Redis' defaults" end): \(.octets_each) octets each, \(.of_envelope) of it; cpsd resident \(.cpsd_start_kb) -> \(.cpsd_end_kb) kB"),
(.busy[] | "fetch and verify one at \(.rate) messages a second (\(.before) in the box before): \(.wall_us) us, \(.cpu_us) us of processor time in receiver, cpsd and Redis"),
(.numbers | "number table: \(.rows) rows loaded in \(.load_s) s, a look-up takes \(.find_ns) ns"),
(if (.growth | length) > 0 then "",
 "\("growth of cost" | left(24))\("req/s" | right(9))\("p50 ms" | right(9))\("p99 ms" | right(9))\("cpsd us" | right(9))\("Redis us" | right(10))\("octets/answer" | right(15))",
 (.growth[] | "\("\(.kind) \(.value)" | left(24))\(.per_s | right(9))\(.p50_us | ms | right(9))\(.p99_us | ms | right(9))\(.server_cpu_us | right(9))\(.redis_cpu_us | right(10))\(.answer_octets | right(15))") else empty end),
"",
"\("figure" | left(66))\("value" | right(8))\("least" | right(8))\("aim" | right(8))",
(["cpsd-1", "cpsd-2"][] as $s |
 line("publish / nginx, \($s)"; find($r.top; "publish"; $s).rate_ratio; 1.25; 1.6; true),
 line("publish to 50,000 numbers in turn / nginx, \($s)"; find($r.top; "publish-again"; $s).rate_ratio; 1.25; 1.6; true),
 line("retrieve, box of 1 / nginx, \($s)"; find($r.top; "retrieve-1"; $s).rate_ratio; 1.25; 1.6; true),
 line("retrieve, box of 4 / nginx, \($s)"; find($r.top; "retrieve-4"; $s).rate_ratio; 1.25; 1.6; true),
 (whats[] as $w | line("p99 of \($w) at 60% / nginx's, \($s)"; find($r.paced; $w; $s).p99_ratio; 1; 0.6; false)),
 line("server CPU a publish / nginx's, \($s)"; find($r.top; "publish"; $s).cpu_ratio; 0.75; 0.5; false)),
line("publish with a token / openssl verify, by the clock on all cores"; $r.tokens.of_verify; 0.4; 0.5; true),
line("publish with a token / openssl verify, by processor time"; $r.tokens.of_verify_cpu; 0.4; 0.5; true),
line("sign + encrypt / raw EVP"; $r.crypto["sign+encrypt"].ratio; 0.8; 0.92; true),
line("decrypt + verify / raw EVP"; $r.crypto["decrypt+verify"].ratio; 0.8; 0.92; true),
line("sign + encrypt / cjose (P-256)"; $r.cjose["sign+encrypt-p256"].ratio; 3; 4; true),
line("Redis memory / envelope, \($r.memory[1].boxes) boxes, deploy/redis/memory.conf"; $r.memory[1].of_envelope; 1.35; 1.2; false),
line("Redis memory / envelope, \($r.memory[0].boxes) boxes, Redis' defaults"; $r.memory[0].of_envelope; 1.35; 1.2; false),
line("cpsd RSS after \($r.memory[1].boxes) publishes / at start"; ($r.memory[1] | .cpsd_end_kb / .cpsd_start_kb * 1000 | round / 1000); 1.3; 1.1; false),
line("busy destination: processor time for one, 200/s over 1/s"; ($r.busy | (.[1].cpu_us / .[0].cpu_us) * 1000 | round / 1000); 1.5; 1.1; false),
line("busy destination: time for one, 200/s over 1/s"; ($r.busy | (.[1].wall_us / .[0].wall_us) * 1000 | round / 1000); 1.5; 1.1; false),
"libstirshaken (cb6ede4), not in Debian and not run here: 4.6% (sign) and 12.8% (verify) of raw EVP, measured once on OpenSSL 3.0."
)
