# Columns for gnuplot: what, then of nginx and of cpsd with 1 and 2 workers: requests a second, p99 at a rate (ms),
# processor time of server and of Redis a request (us).
. as $r | ["publish", "publish-again", "retrieve-1", "retrieve-4"][] as $w |
def of($list; $s): first($list[] | select(.what == $w and .server == $s));
"\"\($w)\" " + ([("nginx", "cpsd-1", "cpsd-2") as $s |
    of($r.top; $s).per_s, of($r.paced; $s).p99_us / 1000, of($r.top; $s).server_cpu_us, of($r.top; $s).redis_cpu_us]
    | map(tostring) | join(" "))
