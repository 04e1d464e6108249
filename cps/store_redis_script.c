#include "cps/store_redis_script.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

/*
 * A box is one hash. Its fields:
 *
 *   m     what the whole box needs: first and last row, how many are living, last arrival, when the key and (at the
 *         earliest) the first of the living expires; where rows are being closed up or ids were consumed, also what
 *         READ says
 *   1...  rows, by number in order of arrival: arrival_us, expires_us, id, form, envelope; of one that is consumed or
 *         replaced only arrival_us, so that the rows have no holes and can be searched by halves
 *   t1... what was consumed: expires_us, id
 *   <id>  16 octets: "E", arrival_us, expires_us and the row it was put in, or, consumed, "T", expires_us
 *
 * A box that got one envelope only, as most do, need not have had a script for it (store_redis_fresh.h): then m is all
 * that it has, and the envelope is in it. Its expiry is the key's, and its arrival what lies a life before that; put
 * and remove write such a box anew, as above. Redis keeps a key for the whole of its last millisecond: what is in it
 * then has expired.
 *
 * Times are Redis' own, 7 octets each. Fields cannot be mistaken: numbers stay below 16 digits. Numbers go to commands
 * as text: Redis prints them as if they were fractions, which takes longer than many a command.
 *
 * No operation's work grows with the box but by a search by halves (and a list's with what it lists). A put or a remove
 * clears away at most 8 at the front. What has expired further back is skipped, until the rows are closed up: when more
 * than half of them are of no use, when the box is full and something in it may have expired, or when a list skipped
 * many; in parts of 128 rows (0.3 ms), one with each operation, and with a pause between two times. Meanwhile the
 * rows are a..b-1 and, after a gap, head..tail; row() knows.
 *
 * A put tells waiting readers at other servers: on a channel that has the name of the box.
 *
 * The key expires with the last envelope. m is always there, so that deleting fields never deletes the key with its
 * expiry. Deleting comes before writing: with Redis' memory used up, deleting is allowed, and then the rest is, too.
 */

/* clang-format off */
/* Sets key, now. */
#define BEGIN \
    "local call, pack, unp, sub, text = redis.call, struct.pack, struct.unpack, string.sub, string.format\n" \
    "local key = KEYS[1]\n" \
    "local t = call('TIME')\n" \
    "local now = t[1] * 1000000 + t[2]\n"

/* Takes the claim, if there is one. */
#define CLAIM \
    "if KEYS[2] and not call('SET', KEYS[2], '', 'NX', 'PX', ARGV[#ARGV]) then return {ok='REPLAYED'} end\n"

/* As CLAIM in two steps, for what deletes: deleting has to come first, see above. */
#define CLAIM_LOOK \
    "if KEYS[2] and call('EXISTS', KEYS[2]) == 1 then return {ok='REPLAYED'} end\n"
#define CLAIM_TAKE \
    "if KEYS[2] then call('SET', KEYS[2], '', 'PX', ARGV[#ARGV]) end\n"

/* Reads m. */
#define READ \
    "local head, tail, n, last, max, min, pause, thead, ttail, a, b, low = 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0\n" \
    "local purged = 0\n" \
    "if m then\n" \
    "  head, tail, n, last, max, min = unp('>I5I5I3I7I7I7', m)\n" \
    "  if #m > 34 then pause, thead, ttail, a, b, low = unp('>I7I5I5I5I5I7', m, 35) end\n" \
    "end\n" \
    "local function row(i) return text('%d', i < b - a and a + i or head + i - b + a) end\n"

/* What m and the key say of a box that was made without a script. The key's expiry has whole milliseconds, rounded down
 * when it came; a little too late is no harm: what is told, and what comes next, is later still. */
#define FRESH_TIMES \
    "  local ms, life = call('PEXPIRETIME', key), unp('>I5', m, 2)\n" \
    "  if ms < 0 then ms = math.ceil(now / 1000) + life end\n" \
    "  local arrival, expires = (ms - life) * 1000 + 999, ms * 1000\n" \
    "  local when = pack('>I7I7', arrival, expires)\n"

/* Writes it anew. Its expiry stays the key's; to set the same again could delete it, since time goes on meanwhile. */
#define FRESH_ANEW \
    "  local record = m\n" \
    "  m = pack('>I5I5I3I7I7I7', 1, 1, 1, arrival, expires, expires)\n" \
    "  call('HSET', key, sub(record, 7, 22), 'E' .. when .. '1', '1', when .. sub(record, 7), 'm', m)\n"

/* Makes m anew. */
#define WRITE \
    "m = pack('>I5I5I3I7I7I7', head, tail, n, last, max, min)\n" \
    "if pause > now or ttail >= thead or b > 0 then m = m .. pack('>I7I5I5I5I5I7', pause, thead, ttail, a, b, low) end\n"

/* The place of the first that arrived later; near the end as a rule, so it is looked for from there. */
#define FIND \
    "local function find(after)\n" \
    "  local hi, step = b - a + tail - head + 1, 1\n" \
    "  local lo = hi - 1\n" \
    "  while lo >= 0 and unp('>I7', call('HGET', key, row(lo))) > after do\n" \
    "    hi, lo, step = lo, lo - step, step * 2\n" \
    "  end\n" \
    "  lo = math.max(lo, -1) + 1\n" \
    "  while lo < hi do\n" \
    "    local mid = math.floor((lo + hi) / 2)\n" \
    "    if unp('>I7', call('HGET', key, row(mid))) > after then hi = mid else lo = mid + 1 end\n" \
    "  end\n" \
    "  return lo\n" \
    "end\n"

/* The number of a living id's row, and what it holds: where it was put, unless the rows were closed up since. */
#define ROW_OF \
    "local function row_of(item)\n" \
    "  local i = sub(item, 16)\n" \
    "  local s = call('HGET', key, i)\n" \
    "  if s and sub(s, 1, 14) == sub(item, 2, 15) then return i, s end\n" \
    "  i = row(find(unp('>I7', item, 2) - 1))\n" \
    "  return i, call('HGET', key, i)\n" \
    "end\n"

/* Clears away what has expired at the front. */
#define PURGE \
    "local most = 8\n" \
    "while (b > a or head <= tail) and most > 0 do\n" \
    "  local i = row(0)\n" \
    "  local s = call('HGET', key, i)\n" \
    "  if #s > 7 then\n" \
    "    if unp('>I7', s, 8) > now then break end\n" \
    "    call('HDEL', key, i, sub(s, 15, 30))\n" \
    "    n, purged = n - 1, purged + 1\n" \
    "  else\n" \
    "    call('HDEL', key, i)\n" \
    "  end\n" \
    "  if b > a then a = a + 1 else head = head + 1 end\n" \
    "  most = most - 1\n" \
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

/* Begins to close up the rows where `begin` says so, and does the next part of it. */
#define COMPACT \
    "if b == 0 and begin then a, b, low = head, head, 2 ^ 55 end\n" \
    "if b > 0 then\n" \
    "  local f, keep, drop = {}, {}, {}\n" \
    "  for i = head, math.min(head + 127, tail) do f[#f + 1] = i end\n" \
    "  for i, s in ipairs(#f > 0 and call('HMGET', key, unpack(f)) or f) do\n" \
    "    local e = #s > 7 and unp('>I7', s, 8) or 0\n" \
    "    if e > now then\n" \
    "      if f[i] > b then\n" \
    "        drop[#drop + 1] = f[i]\n" \
    "        keep[#keep + 1] = b\n" \
    "        keep[#keep + 1] = s\n" \
    "      end\n" \
    "      b, low = b + 1, math.min(low, e)\n" \
    "    else\n" \
    "      drop[#drop + 1] = f[i]\n" \
    "      if #s > 7 then\n" \
    "        drop[#drop + 1] = sub(s, 15, 30)\n" \
    "        n, purged = n - 1, purged + 1\n" \
    "      end\n" \
    "    end\n" \
    "  end\n" \
    "  head = head + #f\n" \
    "  if #drop > 0 then call('HDEL', key, unpack(drop)) end\n" \
    "  if #keep > 0 then call('HSET', key, unpack(keep)) end\n" \
    "  if head > tail then\n" \
    "    pause = now + math.max(100000, (b - a) * 100)\n" \
    "    head, tail, min, a, b = a, b - 1, low, 0, 0\n" \
    "  end\n" \
    "end\n"

/* Takes from each bucket, or from none where one lacks tokens. A bucket is the moment at which it will be full. */
#define SPEND \
    "local claimed = (#ARGV - 6) % 3\n" \
    "local buckets, left, wait, which, full = (#ARGV - 6 - claimed) / 3, 2 ^ 53, 0, 0, {}\n" \
    "for i = 1, buckets do\n" \
    "  local token, burst, cost = tonumber(ARGV[4 + 3 * i]), tonumber(ARGV[5 + 3 * i]), tonumber(ARGV[6 + 3 * i])\n" \
    "  local from = math.max(now, tonumber(call('GET', KEYS[1 + claimed + i]) or 0))\n" \
    "  local credit = now + token * burst - from - token * cost\n" \
    "  full[i] = from + token * cost\n" \
    "  if credit < 0 then\n" \
    "    if -credit > wait then wait, which = -credit, i end\n" \
    "  else\n" \
    "    left = math.min(left, math.floor(credit / token))\n" \
    "  end\n" \
    "end\n" \
    "if which > 0 then return {3, now, 0, wait, which} end\n" \
    "if claimed > 0 and not call('SET', KEYS[2], '', 'NX', 'PX', ARGV[#ARGV]) then return {ok='REPLAYED'} end\n" \
    "for i = 1, buckets do\n" \
    "  call('SET', KEYS[1 + claimed + i], text('%d', full[i]), 'PX', text('%d', math.ceil((full[i] - now) / 1000) + 1))\n" \
    "end\n"

/* left is what PUT_LIMITED found. That a message may not be sent, or not by SPUBLISH, is no reason to refuse. */
#define STORE \
    "local id, limit = ARGV[1], tonumber(ARGV[4])\n" \
    "local got = call('HMGET', key, 'm', id)\n" \
    "local m, old = got[1], got[2]\n" \
    "if m and sub(m, 1, 1) == 'F' then\n" \
    FRESH_TIMES \
    "  if sub(m, 7, 22) == id and expires > now then return {1, now, 0, 0, left} end\n" \
    FRESH_ANEW \
    "end\n" \
    READ \
    "if m then\n" \
    "  if old then\n" \
    "    local living = sub(old, 1, 1) == 'E'\n" \
    "    if unp('>I7', old, living and 9 or 2) > now then return {1, now, 0, 0, left} end\n" \
    "    if living then\n" \
    FIND \
    ROW_OF \
    "      call('HSET', key, (row_of(old)), sub(old, 2, 8))\n" \
    "      n, purged = n - 1, purged + 1\n" \
    "    end\n" \
    "  end\n" \
    "  local rows = b - a + tail - head + 1\n" \
    "  if now >= min or rows > n or ttail >= thead then\n" \
    PURGE \
    "  end\n" \
    "  local begin = n >= limit and now >= min and now >= pause or b - a + tail - head >= 2 * n + 128\n" \
    COMPACT \
    "end\n" \
    "local expires, full, grown = now + ARGV[3] * 1000, n >= limit, false\n" \
    "if not full then\n" \
    "  last = math.max(now, last + 1)\n" \
    "  if n == 0 or expires < min then min = expires end\n" \
    "  if b == 0 and head > tail then head, tail = 1, 0 end\n" \
    "  n, tail = n + 1, tail + 1\n" \
    "  if expires > max then max, grown = expires, true end\n" \
    "end\n" \
    WRITE \
    "if full then\n" \
    "  call('HSET', key, 'm', m)\n" \
    "  return {2, now, purged, b > 0 and now + 50000 or min > now and min or pause, left}\n" \
    "end\n" \
    "local when, i = pack('>I7I7', last, expires), text('%d', tail)\n" \
    "call('HSET', key, id, 'E' .. when .. i, i, when .. id .. ARGV[5] .. ARGV[2], 'm', m)\n" \
    "if grown then call('PEXPIREAT', key, text('%d', math.ceil(max / 1000))) end\n" \
    "local told = redis.pcall(ARGV[6], key, '')\n" \
    "if ARGV[6] == 'SPUBLISH' and type(told) == 'table' then redis.pcall('PUBLISH', key, '') end\n" \
    "return {0, now, purged, 0, left}\n"

static const char put[] =
    BEGIN
    CLAIM
    "local left = -1\n"
    STORE;

static const char put_limited[] =
    BEGIN
    SPEND
    STORE;

/* Most boxes are short and have never been longer: all of such a one is read with its m. */
static const char list[] =
    BEGIN
    CLAIM
    "local after, count, octets = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
    "local got = after > 0 and {call('HGET', key, 'm')} or\n"
    "  call('HMGET', key, 'm', '1', '2', '3', '4', '5', '6', '7', '8')\n"
    "local m = got[1]\n"
    "if m and sub(m, 1, 1) == 'F' then\n"
    FRESH_TIMES
    "  return {math.max(now, arrival), 0, arrival > after and expires > now and {when .. sub(m, 7)} or {}}\n"
    "end\n"
    READ
    FIND
    "local out, size, more, skipped, rows = {}, 0, 0, 0, b - a + tail - head + 1\n"
    "local whole = after <= 0 and b == 0 and tail <= 8\n"
    "local place = after <= 0 and 0 or after < last and find(after) or rows\n"
    "while place < rows and more == 0 do\n"
    "  local f, first, to = got, head + 1, tail + 1\n"
    "  if not whole then\n"
    "    f, first, to = {}, 1, math.min(16, rows - place)\n"
    "    for i = 1, to do f[i] = row(place + i - 1) end\n"
    "    f = call('HMGET', key, unpack(f))\n"
    "  end\n"
    "  place = place + to - first + 1\n"
    "  for i = first, to do\n"
    "    local s = f[i]\n"
    "    if #s > 7 and unp('>I7', s, 8) > now then\n"
    "      size = size + (sub(s, 31, 31) == 'P' and 4 * #s / 3 + 99 or #s - 31)\n"
    "      if #out == count or #out > 0 and size > octets then\n"
    "        more = 1\n"
    "        break\n"
    "      end\n"
    "      out[#out + 1] = s\n"
    "    else\n"
    "      skipped = skipped + 1\n"
    "    end\n"
    "  end\n"
    "end\n"
    "local told = math.max(now, last)\n"
    "if skipped > 64 and (b > 0 or now >= pause) then\n"
    "  local begin = true\n"
    COMPACT
    WRITE
    "  call('HSET', key, 'm', m)\n"
    "end\n"
    "return {told, more, out}\n";

static const char get[] =
    BEGIN
    CLAIM
    "local got = call('HMGET', key, 'm', ARGV[1])\n"
    "local m, v = got[1], got[2]\n"
    "if m and sub(m, 1, 1) == 'F' and sub(m, 7, 22) == ARGV[1] then\n"
    FRESH_TIMES
    "  return {math.max(now, arrival), expires > now and when .. sub(m, 7) or nil}\n"
    "end\n"
    "if not v or sub(v, 1, 1) ~= 'E' or unp('>I7', v, 9) <= now then return {now} end\n"
    READ
    FIND
    ROW_OF
    "local _, s = row_of(v)\n"
    "return {now, s}\n";

static const char take[] =
    BEGIN
    CLAIM_LOOK
    "local id = ARGV[1]\n"
    "local got = call('HMGET', key, 'm', id)\n"
    "local m, item = got[1], got[2]\n"
    "local ends\n"
    "if m and sub(m, 1, 1) == 'F' and sub(m, 7, 22) == id then\n"
    FRESH_TIMES
    "  if expires > now then\n"
    "    call('HDEL', key, 'm')\n" /* and the key with it */
    FRESH_ANEW
    "    item, ends = 'E' .. when .. '1', ms\n"
    "  end\n"
    "end\n"
    "if not item or sub(item, 1, 1) ~= 'E' or unp('>I7', item, 9) <= now then\n"
    CLAIM_TAKE
    "  return {0, now}\n"
    "end\n"
    READ
    FIND
    ROW_OF
    "local i = row_of(item)\n"
    "call('HDEL', key, id)\n"
    CLAIM_TAKE
    "n, ttail = n - 1, ttail + 1\n"
    "local when = sub(item, 9, 15)\n"
    "call('HSET', key, i, sub(item, 2, 8), id, 'T' .. when, 't' .. ttail, when .. id)\n"
    PURGE
    "local begin = b - a + tail - head >= 2 * n + 128\n"
    COMPACT
    WRITE
    "call('HSET', key, 'm', m)\n"
    "if ends then call('PEXPIREAT', key, text('%d', ends)) end\n"
    "return {1, now}\n";

static const char once[] =
    BEGIN
    CLAIM
    "return {0, now}\n";

/* A record is a hash of its text (t) and its order (o). */
static const char keep[] =
    BEGIN
    CLAIM
    "local got = call('HMGET', key, 't', 'o')\n"
    "if got[2] and tonumber(got[2]) > tonumber(ARGV[3]) then return {2, now} end\n"
    "if got[1] == ARGV[1] then return {1, now} end\n"
    "call('HSET', key, 't', ARGV[1], 'o', ARGV[3])\n"
    "call('PEXPIRE', key, ARGV[2])\n"
    "return {0, now}\n";

static const char look[] =
    BEGIN
    CLAIM
    "local kept, left = call('HGET', key, 't'), call('PTTL', key)\n"
    "if kept and left > 0 then return {now, now + left * 1000, kept} end\n"
    "return {now}\n";

static const char drop[] =
    BEGIN
    CLAIM_LOOK
    "local gone = call('DEL', key)\n"
    CLAIM_TAKE
    "return {gone, now}\n";

static const char owe[] =
    BEGIN
    "local token = tonumber(ARGV[1])\n"
    "local full = math.max(now, tonumber(call('GET', key) or 0)) + token * ARGV[3]\n"
    "full = math.min(full, now + token * ARGV[2] + ARGV[4])\n"
    "call('SET', key, text('%d', full), 'PX', text('%d', math.ceil((full - now) / 1000) + 1))\n"
    "return {0, now}\n";

/* clang-format on */

const char *cpsd_redis_script_text(enum cpsd_redis_script script)
{
    static const char *const texts[CPSD_REDIS_SCRIPTS] = {
        [CPSD_REDIS_PUT] = put,     [CPSD_REDIS_PUT_LIMITED] = put_limited,
        [CPSD_REDIS_LIST] = list,   [CPSD_REDIS_GET] = get,
        [CPSD_REDIS_REMOVE] = take, [CPSD_REDIS_ONCE] = once,
        [CPSD_REDIS_KEEP] = keep,   [CPSD_REDIS_LOOK] = look,
        [CPSD_REDIS_DROP] = drop,   [CPSD_REDIS_OWE] = owe,
    };
    return texts[script];
}

void cpsd_redis_script_sha(enum cpsd_redis_script script, char out[CPSD_REDIS_SHA_TEXT + 1])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    const char *text = cpsd_redis_script_text(script);
    (void)SHA1((const unsigned char *)text, strlen(text), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}
