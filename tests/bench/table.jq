# The report as a table for a person.
def left($n): tostring | . + (" " * ([$n - length, 0] | max));
def right($n): tostring | (" " * ([$n - length, 0] | max)) + .;
def fixed($digits): if . == null then "-" else
    (. * pow(10; $digits) | round | tostring) as $n |
    if $digits == 0 then $n
    else (if ($n | length) <= $digits then "0" * ($digits + 1 - ($n | length)) + $n else $n end) |
         .[:length - $digits] + "." + .[length - $digits:] end end;
def percent: if . == null then "-" else (. * 100 | fixed(0)) + "%" end;
def title: {publish: "publish", "retrieve-1": "retrieve, box of 1", "retrieve-4": "retrieve, box of 4",
            "retrieve-1-steady": "1 and dummies", "retrieve-1-steady-polled": "1 and dummies, polled"}[.];
def order: {publish: 1, "retrieve-1": 2, "retrieve-4": 3, "retrieve-1-steady": 4, "retrieve-1-steady-polled": 5}[.];

.settings as $s | .machine as $m | .crypto as $c |
"\($m.cores) x \($m.cpu), \($m.memory_mb) MB, \($m.system), OpenSSL \($m.openssl), Redis \($m.redis); " +
  "load average \($m.load_before) before, \($m.load_after) after",
"HTTPS on loopback, \($s.connections) kept-alive connections with one request each, \($s.octets)-octet envelopes, " +
  "medians of \($s.rounds) x \($s.seconds) s.",
"Load and Redis (on a unix socket) use the same cores. Every publish is a new envelope, spread over 50,000 boxes.",
"raw: for requests a server of OpenSSL and epoll with nothing behind it, as many threads, same requests and lengths;",
"for cryptography EVP's primitives alone on the same octets. us: processor time (user + system) a request.",
"",
("" | left(22)) + ("store" | left(7)) + ("workers" | right(7)) + ("req/s" | right(9)) + ("p50 ms" | right(8)) +
  ("p99 ms" | right(8)) + ("cpsd us" | right(9)) + ("Redis us" | right(10)) + ("raw req/s" | right(11)) +
  ("raw us" | right(8)) + ("of raw" | right(8)) + ("us of raw" | right(11)),
(.http | sort_by([(.what | order), .store == "memory", .workers])[] |
  (.what | title | left(22)) + (.store | left(7)) + (.workers | right(7)) + (.per_s | right(9)) +
  (.p50_us / 1000 | fixed(2) | right(8)) + (.p99_us / 1000 | fixed(2) | right(8)) +
  (.cpsd_cpu_us | fixed(1) | right(9)) + (.redis_cpu_us | fixed(1) | right(10)) + (.floor_per_s | right(11)) +
  (.floor_cpu_us | fixed(1) | right(8)) +
  (.of_floor | percent | right(8)) + ((.cpu_times_floor | fixed(1)) + " x" | right(11))),
(.http[] | select(.what == "retrieve-1-steady") |
  "Dummies: [dummies] mode = steady, which is the default; \(.envelopes | fixed(1)) envelopes in " +
  "\(.answer_octets | fixed(0)) octets. The rows above have mode = empty.",
  "Polled: 100 boxes in turn, whose dummies cpsd remembers; otherwise boxes that it has not seen lately."),
"",
("one core" | left(22)) + ("ops/s" | right(10)) + ("raw ops/s" | right(12)) + ("of raw" | right(9)),
(["sign+encrypt", "decrypt+verify", "sign+encrypt-p256", "decrypt+verify-p256"][] | select($c[.]) |
  left(22) + ($c[.].ops_s | right(10)) + ($c[.].raw_ops_s | right(12)) + ($c[.].ratio | percent | right(9))),
"",
(.redis_memory | "Redis memory, \(.boxes) boxes of one envelope of \(.octets) octets: " +
  "\(.octets_each) octets a stored PASSporT, \(.all_octets / 1048576 | round) MiB in all"),
(.numbers | "Number table: \(.rows) rows loaded in \(.load_s) s, a look-up takes \(.find_ns) ns"),
"cpsd resident kB, start -> end: " +
  ([.rss[] | "\(.server) \(.start_kb) -> \(.end_kb)"] | join(", ")),
"h2load --h1, a second opinion of Redis with 1 worker: " +
  ([.h2load[] | "\(.what | title) \(.per_s)/s"] | join("; ")) +
  " (of what it publishes 1 in \($s.connections) is new)",
(if .unexpected > 0 then "\(.unexpected) answers were not what they should be" else empty end),
"\($m.took_s) s"
