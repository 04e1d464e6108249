#include "cps/store_redis_script.h"

/*
 * A box is one hash. Its fields:
 *
 *   m     what the whole box needs: first and last number, how many are living, last arrival, when the key and when the
 *         first of the living expires; where a box was compacted or envelopes consumed, also when it may be compacted
 *         again and the first and last number of t
 *   1...  by number, in order of arrival: arrival_us, expires_us, id; of one that is consumed or replaced only
 *         arrival_us, so that the row of arrivals has no holes and can be searched by halves
 *   t1... what was consumed: expires_us, id
 *   <id>  16 octets: an item ("E", arrival_us, expires_us, envelope) or, consumed, "T", expires_us
 *
 * Times are Redis' own, 7 octets each. Fields cannot be mistaken: numbers stay below 16 digits. What a put or a remove
 * clears away at the front is bounded (8); what expires within the row is skipped, and the row is written anew when
 * more than half of it is of no use, or when the box is full or a list skipped many (then at most ten times a second,
 * and with 10,000 entries, which take 5 ms, once). So each operation costs the same in a box of ten and of ten
 * thousand, but for a search by halves. The key expires with the last envelope. m is always there, so that deleting
 * fields never deletes the key with its expiry. Deleting comes before writing: with Redis' memory used up, deleting is
 * allowed.
 */

/* clang-format off */
/* Sets key, now. */
#define BEGIN \
    "local call, pack, unp, sub = redis.call, struct.pack, struct.unpack, string.sub\n" \
    "local key = KEYS[1]\n" \
    "local t = call('TIME')\n" \
    "local now = t[1] * 1000000 + t[2]\n"

/* Reads m. */
#define READ \
    "local head, tail, n, last, max, min, sweep, thead, ttail = 1, 0, 0, 0, 0, 0, 0, 1, 0\n" \
    "local purged = 0\n" \
    "if m then\n" \
    "  head, tail, n, last, max, min = unp('>I5I5I3I7I7I7', m)\n" \
    "  if #m > 34 then sweep, thead, ttail = unp('>I7I5I5', m, 35) end\n" \
    "end\n"

/* Makes m anew. */
#define WRITE \
    "m = pack('>I5I5I3I7I7I7', head, tail, n, last, max, min)\n" \
    "if sweep > now or ttail >= thead then m = m .. pack('>I7I5I5', sweep, thead, ttail) end\n"

/* The first number that arrived later. */
#define FIND \
    "local function find(after)\n" \
    "  local lo, hi = head, tail + 1\n" \
    "  while lo < hi do\n" \
    "    local mid = math.floor((lo + hi) / 2)\n" \
    "    if unp('>I7', call('HGET', key, mid)) > after then hi = mid else lo = mid + 1 end\n" \
    "  end\n" \
    "  return lo\n" \
    "end\n"

/* Clears away what has expired at the front. */
#define PURGE \
    "local most = 8\n" \
    "while head <= tail and most > 0 do\n" \
    "  local s = call('HGET', key, head)\n" \
    "  if #s > 7 then\n" \
    "    if unp('>I7', s, 8) > now then break end\n" \
    "    call('HDEL', key, head, sub(s, 15))\n" \
    "    n, purged = n - 1, purged + 1\n" \
    "  else\n" \
    "    call('HDEL', key, head)\n" \
    "  end\n" \
    "  head, most = head + 1, most - 1\n" \
    "end\n" \
    "while thead <= ttail and most > 0 do\n" \
    "  local s = call('HGET', key, 't' .. thead)\n" \
    "  if unp('>I7', s) > now then break end\n" \
    "  local id = sub(s, 8)\n" \
    "  local v = call('HGET', key, id)\n" \
    "  if v and sub(v, 1, 1) == 'T' and unp('>I7', v, 2) <= now then call('HDEL', key, id) end\n" \
    "  call('HDEL', key, 't' .. thead)\n" \
    "  thead, most = thead + 1, most - 1\n" \
    "end\n"

/* Writes the row anew, without what has expired. */
#define COMPACT \
    "local keep, drop, set, span = {}, {}, {}, tail - head + 1\n" \
    "min = math.huge\n" \
    "for from = head, tail, 200 do\n" \
    "  local f = {}\n" \
    "  for s = from, math.min(from + 199, tail) do f[#f + 1] = s end\n" \
    "  for _, s in ipairs(call('HMGET', key, unpack(f))) do\n" \
    "    if #s > 7 then\n" \
    "      local e = unp('>I7', s, 8)\n" \
    "      if e > now then\n" \
    "        keep[#keep + 1] = s\n" \
    "        if e < min then min = e end\n" \
    "      else\n" \
    "        drop[#drop + 1] = sub(s, 15)\n" \
    "        n, purged = n - 1, purged + 1\n" \
    "      end\n" \
    "    end\n" \
    "  end\n" \
    "end\n" \
    "sweep = now + math.max(100000, span * 100)\n" \
    "if min == math.huge then min = 0 end\n" \
    "if #keep < span then\n" \
    "  for s = head + #keep, tail do drop[#drop + 1] = s end\n" \
    "  for i, s in ipairs(keep) do set[2 * i - 1], set[2 * i] = head + i - 1, s end\n" \
    "  for i = 1, #drop, 200 do call('HDEL', key, unpack(drop, i, math.min(i + 199, #drop))) end\n" \
    "  for i = 1, #set, 200 do call('HSET', key, unpack(set, i, math.min(i + 199, #set))) end\n" \
    "  tail = head + #keep - 1\n" \
    "end\n"

static const char put[] =
    BEGIN
    "local id, limit = ARGV[1], tonumber(ARGV[4])\n"
    "local got = call('HMGET', key, 'm', id)\n"
    "local m, old = got[1], got[2]\n"
    READ
    "if m then\n"
    "  if old then\n"
    "    local living = sub(old, 1, 1) == 'E'\n"
    "    if unp('>I7', old, living and 9 or 2) > now then return {1, now, 0} end\n"
    "    if living then\n"
    FIND
    "      local s = find(unp('>I7', old, 2) - 1)\n"
    "      call('HSET', key, s, sub(old, 2, 8))\n"
    "      n, purged = n - 1, purged + 1\n"
    "    end\n"
    "  end\n"
    PURGE
    "  if n >= limit and now >= min and now >= sweep or tail - head >= 2 * n + 128 then\n"
    COMPACT
    "  end\n"
    "end\n"
    "local expires, full, grown = now + ARGV[3] * 1000, n >= limit, false\n"
    "if not full then\n"
    "  last = math.max(now, last + 1)\n"
    "  if n == 0 or expires < min then min = expires end\n"
    "  n, tail = n + 1, tail + 1\n"
    "  if expires > max then max, grown = expires, true end\n"
    "end\n"
    WRITE
    "if full then\n"
    "  call('HSET', key, 'm', m)\n"
    "  return {2, now, purged, min > now and min or sweep}\n"
    "end\n"
    "local when = pack('>I7I7', last, expires)\n"
    "call('HSET', key, id, 'E' .. when .. ARGV[2], tail, when .. id, 'm', m)\n"
    "if grown then call('PEXPIREAT', key, math.ceil(max / 1000)) end\n"
    "return {0, now, purged}\n";

static const char list[] =
    BEGIN
    "local after, count, octets = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
    "local m = call('HGET', key, 'm')\n"
    READ
    FIND
    "local out, size, more, skipped = {}, 0, 0, 0\n"
    "local seq = after == 0 and head or after < last and find(after) or tail + 1\n"
    "while seq <= tail and more == 0 do\n"
    "  local f = {}\n"
    "  for s = seq, math.min(seq + 15, tail) do f[#f + 1] = s end\n"
    "  seq = seq + #f\n"
    "  for _, s in ipairs(call('HMGET', key, unpack(f))) do\n"
    "    if #s > 7 and unp('>I7', s, 8) > now then\n"
    "      if #out == 2 * count then\n"
    "        more = 1\n"
    "        break\n"
    "      end\n"
    "      local v = call('HGET', key, sub(s, 15))\n"
    "      size = size + #v - 15\n"
    "      if #out > 0 and size > octets then\n"
    "        more = 1\n"
    "        break\n"
    "      end\n"
    "      out[#out + 1] = sub(s, 15)\n"
    "      out[#out + 1] = v\n"
    "    else\n"
    "      skipped = skipped + 1\n"
    "    end\n"
    "  end\n"
    "end\n"
    "if skipped > 64 and now >= sweep then\n"
    COMPACT
    WRITE
    "  call('HSET', key, 'm', m)\n"
    "end\n"
    "return {math.max(now, last), more, out}\n";

static const char get[] =
    BEGIN
    "local v = call('HGET', key, ARGV[1])\n"
    "if v and sub(v, 1, 1) == 'E' and unp('>I7', v, 9) > now then return {now, v} end\n"
    "return {now}\n";

static const char take[] =
    BEGIN
    "local id = ARGV[1]\n"
    "local got = call('HMGET', key, 'm', id)\n"
    "local m, item = got[1], got[2]\n"
    "if not item or sub(item, 1, 1) ~= 'E' then return {0, now} end\n"
    "local arrival, expires = unp('>I7I7', item, 2)\n"
    "if expires <= now then return {0, now} end\n"
    READ
    FIND
    "call('HDEL', key, id)\n"
    "n, ttail = n - 1, ttail + 1\n"
    "local s, when = find(arrival - 1), sub(item, 9, 15)\n"
    "call('HSET', key, id, 'T' .. when, s, sub(item, 2, 8), 't' .. ttail, when .. id)\n"
    PURGE
    "if tail - head >= 2 * n + 128 then\n"
    COMPACT
    "end\n"
    WRITE
    "call('HSET', key, 'm', m)\n"
    "return {1, now}\n";

/* clang-format on */

const char *cpsd_redis_script_text(enum cpsd_redis_script script)
{
    static const char *const texts[CPSD_REDIS_SCRIPTS] = {
        [CPSD_REDIS_PUT] = put,
        [CPSD_REDIS_LIST] = list,
        [CPSD_REDIS_GET] = get,
        [CPSD_REDIS_REMOVE] = take,
    };
    return texts[script];
}
