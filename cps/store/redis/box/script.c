#include "cps/store/redis/box/script.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

/*
 * A box is one hash. Its fields:
 *
 *   m     what the whole box needs: first and last row, how many are living, last arrival, when the key and (at the
 *         earliest) the first of the living expires; where rows are being closed up or ids were consumed, also what
 *         READ says
 *   1...  rows, by number in order of arrival: arrival_us, expires_us, id, form, publisher if it has one, envelope. Of
 *         one that was taken the form is in lower case as long as it is shown. What is shown no more, or was replaced,
 *         has only arrival_us left, so that the rows have no holes and can be searched by halves
 *   t1... what was taken, in that order: the time until which that is known, id, and the field that counts it (q...)
 *   <id>  16 octets: "E", arrival_us, expires_us and the row it was put in; or, taken, "T", arrival_us (0 where it was
 *         never there), the time until which that is known, the row
 *   p...  the number of living envelopes of one publisher: p, then the 8 octets that tell publishers apart, or nothing
 *         for those without a credential. Counted down when an envelope is taken out or cleared away, so those that
 *         have expired and are still there count: where that keeps a publisher from its share, the rows are closed up
 *   q...  likewise, the number of those that were taken, as long as that is known
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

/* Lets the script write while Redis' memory is used up: what is allowed then is deleting, and any write after it. No
 * box and no record has a field without a name. */
#define MAY_WRITE \
    "call('HDEL', key, '')\n"

/* Takes the claim, if there is one. */
#define CLAIM \
    "if KEYS[2] and not call('SET', KEYS[2], '', 'NX', 'PX', ARGV[#ARGV]) then return {ok='REPLAYED'} end\n"

/* As CLAIM, for what reads or deletes: that works while Redis' memory is used up. */
#define CLAIM_ALWAYS \
    "if KEYS[2] then\n" \
    MAY_WRITE \
    CLAIM \
    "end\n"

/* The field that counts a living row's publisher, and how much is to be taken from such fields: see SETTLE. */
#define OWNERS \
    "local minus = {}\n" \
    "local function less(field, by) minus[field] = (minus[field] or 0) + (by or 1) end\n" \
    "local function owner(s)\n" \
    "  local form = sub(s, 31, 31)\n" \
    "  return 'p' .. ((form == 'O' or form == 'Q') and sub(s, 33, 40) or '')\n" \
    "end\n"

/* Takes it from them. Boxes of an earlier version have none. */
#define SETTLE \
    "for field, count in pairs(minus) do\n" \
    "  local left = tonumber(call('HGET', key, field) or 0) - count\n" \
    "  if left > 0 then call('HSET', key, field, text('%d', left)) else call('HDEL', key, field) end\n" \
    "end\n"

/* Reads m. */
#define READ \
    "local head, tail, n, last, max, min, pause, thead, ttail, a, b, low = 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0\n" \
    "local purged, dropped, ring = 0, 0, false\n" \
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
    "  local only = when .. sub(record, 7)\n" \
    "  call('HSET', key, sub(record, 7, 22), 'E' .. when .. '1', '1', only, owner(only), '1', 'm', m)\n"

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

/* The number of an id's row, and what it holds: where it was put, unless the rows were closed up since. Of one that was
 * taken the row may be gone: then it is another's, or none. */
#define ROW_OF \
    "local function row_of(item)\n" \
    "  local i = sub(item, 16)\n" \
    "  local s = call('HGET', key, i)\n" \
    "  if s and sub(s, 1, 7) == sub(item, 2, 8) then return i, s end\n" \
    "  i = row(find(unp('>I7', item, 2) - 1))\n" \
    "  return i, call('HGET', key, i)\n" \
    "end\n"

/* Clears away what has expired at the front; of a ring also what is one too many. Of what was taken, what is known for
 * long goes to the end where there is much of it: otherwise it would keep what is known for two minutes, after it. */
#define PURGE \
    "local most = 8\n" \
    "while (b > a or head <= tail) and most > 0 do\n" \
    "  local i = row(0)\n" \
    "  local s = call('HGET', key, i)\n" \
    "  if #s > 7 then\n" \
    "    local alive = unp('>I7', s, 8) > now\n" \
    "    if alive and not (ring and n >= limit) then break end\n" \
    "    if sub(s, 31, 31) > 'Z' then\n" \
    "      call('HDEL', key, i)\n" \
    "    else\n" \
    "      call('HDEL', key, i, sub(s, 15, 30))\n" \
    "      less(owner(s))\n" \
    "      n = n - 1\n" \
    "      if alive then dropped = dropped + 1 else purged = purged + 1 end\n" \
    "    end\n" \
    "  else\n" \
    "    call('HDEL', key, i)\n" \
    "  end\n" \
    "  if b > a then a = a + 1 else head = head + 1 end\n" \
    "  most = most - 1\n" \
    "end\n" \
    "while thead <= ttail and most > 0 do\n" \
    "  local s = call('HGET', key, 't' .. thead)\n" \
    "  local known = unp('>I7', s) > now\n" \
    "  if known and ttail - thead + 1 < limit then break end\n" \
    "  call('HDEL', key, 't' .. thead)\n" \
    "  thead, most = thead + 1, most - (known and 2 or 1)\n" \
    "  if known then\n" \
    "    ttail = ttail + 1\n" \
    "    call('HSET', key, 't' .. ttail, s)\n" \
    "  else\n" \
    "    local id = sub(s, 8, 23)\n" \
    "    local v = call('HGET', key, id)\n" \
    "    if #s > 23 then less(sub(s, 24)) end\n" \
    "    if v and sub(v, 1, 1) == 'T' and unp('>I7', v, 9) <= now then call('HDEL', key, id) end\n" \
    "  end\n" \
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
    "      if #s > 7 and sub(s, 31, 31) < 'a' then\n" \
    "        drop[#drop + 1] = sub(s, 15, 30)\n" \
    "        less(owner(s))\n" \
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
    "local claimed = (#ARGV - 9) % 3\n" \
    "local buckets, left, wait, which, full = (#ARGV - 9 - claimed) / 3, 2 ^ 53, 0, 0, {}\n" \
    "for i = 1, buckets do\n" \
    "  local token, burst, cost = tonumber(ARGV[7 + 3 * i]), tonumber(ARGV[8 + 3 * i]), tonumber(ARGV[9 + 3 * i])\n" \
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

/* left is what PUT_LIMITED found. That a message may not be sent, or not by SPUBLISH, is no reason to refuse. Why it is
 * refused: 2 the box is full, 4 the publisher has its share of it, 5 too many of its envelopes, or of the box's, are
 * known as taken. */
#define TEXT_OF(number) #number
#define NUMBER(number) TEXT_OF(number)
#define STORE \
    OWNERS \
    "local id, limit, share = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[8])\n" \
    "local p, q = 'p' .. sub(ARGV[7], 2, 9), 'q' .. sub(ARGV[7], 2, 9)\n" \
    "local got = call('HMGET', key, 'm', id, p, q)\n" \
    "local m, old, mine, taken = got[1], got[2], tonumber(got[3] or 0), tonumber(got[4] or 0)\n" \
    "if m and sub(m, 1, 1) == 'F' then\n" \
    FRESH_TIMES \
    "  if sub(m, 7, 22) == id and expires > now then return {1, now, 0, 0, left} end\n" \
    FRESH_ANEW \
    "  if owner(only) == p then mine = 1 end\n" \
    "end\n" \
    READ \
    "ring = ARGV[9] == '1'\n" \
    "if m then\n" \
    "  if old then\n" \
    "    local living = sub(old, 1, 1) == 'E'\n" \
    "    if unp('>I7', old, 9) > now then return {1, now, 0, 0, left} end\n" \
    "    if living then\n" \
    FIND \
    ROW_OF \
    "      local i, s = row_of(old)\n" \
    "      less(owner(s))\n" \
    "      call('HSET', key, i, sub(old, 2, 8))\n" \
    "      n, purged = n - 1, purged + 1\n" \
    "    end\n" \
    "  end\n" \
    "  local rows = b - a + tail - head + 1\n" \
    "  if now >= min or rows > n or ttail >= thead or ring and n >= limit then\n" \
    PURGE \
    "  end\n" \
    "  local begin = (n >= limit or mine >= share) and now >= min and now >= pause\n" \
    "    or b - a + tail - head >= 2 * n + 256\n" \
    COMPACT \
    "end\n" \
    "mine, taken = mine - (minus[p] or 0), taken - (minus[q] or 0)\n" \
    "local many, why = ttail - thead + 1, 0\n" \
    "if not ring then\n" \
    "  why = n >= limit and 2 or mine >= share and 4 or (many >= " NUMBER(CPSD_TAKEN_BOXES) " * limit or taken >= " \
    NUMBER(CPSD_TAKEN_BOXES) " * share) and 5 or 0\n" \
    "end\n" \
    "local expires, grown = now + ARGV[3] * 1000, false\n" \
    "if why == 0 then\n" \
    "  last = math.max(now, last + 1)\n" \
    "  if n == 0 or expires < min then min = expires end\n" \
    "  if b == 0 and head > tail then head, tail = 1, 0 end\n" \
    "  n, tail = n + 1, tail + 1\n" \
    "  if expires > max then max, grown = expires, true end\n" \
    "  minus[p] = nil\n" \
    "end\n" \
    SETTLE \
    WRITE \
    "if why > 0 then\n" \
    "  call('HSET', key, 'm', m)\n" \
    "  local free = b > 0 and now + 50000 or min > now and min or pause\n" \
    "  if why == 5 then\n" \
    "    free = math.max(now, (unp('>I7', call('HGET', key, 't' .. thead))))\n" \
    "    free = math.min(free, now + 120000000)\n" \
    "  end\n" \
    "  return {why, now, purged, free, left}\n" \
    "end\n" \
    "local when, i = pack('>I7I7', last, expires), text('%d', tail)\n" \
    "local row = when .. id .. ARGV[5] .. ARGV[7] .. ARGV[2]\n" \
    "call('HSET', key, id, 'E' .. when .. i, i, row, p, text('%d', mine + 1), 'm', m)\n" \
    "if grown then call('PEXPIREAT', key, text('%d', math.ceil(max / 1000))) end\n" \
    "local told = redis.pcall(ARGV[6], key, '')\n" \
    "if ARGV[6] == 'SPUBLISH' and type(told) == 'table' then redis.pcall('PUBLISH', key, '') end\n" \
    "return {0, now, purged, dropped, left}\n"

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
    CLAIM_ALWAYS
    OWNERS
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
    "      size = size + (string.find('PpQq', sub(s, 31, 31), 1, true) and 4 * #s / 3 + 99 or #s - 31)\n"
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
    MAY_WRITE
    COMPACT
    SETTLE
    WRITE
    "  call('HSET', key, 'm', m)\n"
    "end\n"
    "return {told, more, out}\n";

static const char get[] =
    BEGIN
    CLAIM_ALWAYS
    "local got = call('HMGET', key, 'm', ARGV[1])\n"
    "local m, v = got[1], got[2]\n"
    "if m and sub(m, 1, 1) == 'F' and sub(m, 7, 22) == ARGV[1] then\n"
    FRESH_TIMES
    "  return {math.max(now, arrival), expires > now and when .. sub(m, 7) or nil}\n"
    "end\n"
    "if not v or unp('>I7', v, 9) <= now then return {now} end\n"
    READ
    FIND
    ROW_OF
    "local _, s = row_of(v)\n"
    "if not s or #s <= 7 or sub(s, 1, 7) ~= sub(v, 2, 8) or unp('>I7', s, 8) <= now then return {now} end\n"
    "return {now, s}\n";

/* Beyond the limit that something was taken is known for two minutes after it was stored: see cpsd_store_remove. */
static const char take[] =
    BEGIN
    CLAIM_ALWAYS
    MAY_WRITE
    OWNERS
    "local id, shown, limit = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])\n"
    "local got = call('HMGET', key, 'm', id)\n"
    "local m, item = got[1], got[2]\n"
    "local fresh = m and sub(m, 1, 1) == 'F'\n"
    "local ends\n"
    "if fresh and (sub(m, 7, 22) == id or ARGV[2] == '1') then\n"
    FRESH_TIMES
    "  if sub(m, 7, 22) ~= id then\n"
    FRESH_ANEW
    "  elseif expires > now then\n"
    "    call('HDEL', key, 'm')\n" /* and the key with it */
    FRESH_ANEW
    "    item, ends = 'E' .. when .. '1', ms\n"
    "  else\n"
    "    m = nil\n"
    "  end\n"
    "end\n"
    "local alive = item and unp('>I7', item, 9) > now\n"
    "if alive and sub(item, 1, 1) == 'T' then\n"
    "  return {2, now}\n"
    "end\n"
    "if not alive and ARGV[2] ~= '1' then\n"
    "  return {0, now}\n"
    "end\n"
    READ
    FIND
    ROW_OF
    "local many = ttail - thead + 1\n"
    "local i, s, arrival, known, q = '0', nil, pack('>I7', 0), now + 120000000, ''\n"
    "if item and sub(item, 1, 1) == 'E' then\n"
    "  i, s = row_of(item)\n"
    "  call('HDEL', key, id)\n"
    "  n, arrival = n - 1, sub(item, 2, 8)\n"
    "  if alive then\n"
    "    known = unp('>I7', item, 2) + 120000000\n"
    "    if many < limit then known = math.max(known, unp('>I7', item, 9)) end\n"
    "    known = math.max(known, now + 1)\n"
    "  end\n"
    "elseif many >= limit then\n"
    "  return {0, now}\n"
    "end\n"
    "if s then\n"
    "  local p = owner(s)\n"
    "  less(p)\n"
    "  q = alive and 'q' .. sub(p, 2) or ''\n"
    "  local show = alive and many < shown\n"
    "  call('HDEL', key, i)\n"
    "  call('HSET', key, i, show and sub(s, 1, 30) .. string.lower(sub(s, 31, 31)) .. sub(s, 32) or arrival)\n"
    "end\n"
    "ttail = ttail + 1\n"
    "local when = pack('>I7', known)\n"
    "call('HSET', key, id, 'T' .. arrival .. when .. i, 't' .. ttail, when .. id .. q)\n"
    "if q ~= '' then less(q, -1) end\n"
    PURGE
    "local begin = b - a + tail - head >= 2 * n + 256\n"
    COMPACT
    "local grown = known > max\n"
    "max = math.max(max, known)\n"
    SETTLE
    WRITE
    "call('HSET', key, 'm', m)\n"
    "if grown then ends = math.ceil(max / 1000) end\n"
    "if ends then call('PEXPIREAT', key, text('%d', ends)) end\n"
    "return {alive and 1 or 0, now}\n";

/* Takes living envelopes out as if they had never been there: nothing is remembered of them. Others are passed over. */
static const char forget[] =
    BEGIN
    MAY_WRITE
    OWNERS
    "local ids, m, limit = ARGV[1], call('HGET', key, 'm'), 2 ^ 53\n"
    "if m and sub(m, 1, 1) == 'F' then\n"
    "  for k = 1, #ids, 16 do\n"
    "    if sub(m, 7, 22) == sub(ids, k, k + 15) then call('HDEL', key, 'm') end\n" /* and the key with it */
    "  end\n"
    "  return {0, now}\n"
    "end\n"
    "if not m then return {0, now} end\n"
    READ
    FIND
    ROW_OF
    "for k = 1, #ids, 16 do\n"
    "  local id = sub(ids, k, k + 15)\n"
    "  local item = call('HGET', key, id)\n"
    "  if item and sub(item, 1, 1) == 'E' then\n"
    "    local i, s = row_of(item)\n"
    "    less(owner(s))\n"
    "    call('HDEL', key, id)\n"
    "    call('HSET', key, i, sub(item, 2, 8))\n"
    "    n = n - 1\n"
    "  end\n"
    "end\n"
    PURGE
    "local begin = b - a + tail - head >= 2 * n + 256\n"
    COMPACT
    SETTLE
    WRITE
    "call('HSET', key, 'm', m)\n"
    "return {0, now}\n";

/* Forgets what arrived until then, a number of rows at a time: a box is long, and nobody else is served meanwhile. What
 * is known as taken stays known, but is shown no more. */
static const char empty[] =
    BEGIN
    CLAIM_ALWAYS
    MAY_WRITE
    OWNERS
    "local till, most, m, out = tonumber(ARGV[1]), tonumber(ARGV[2]), call('HGET', key, 'm'), {}\n"
    "if m and sub(m, 1, 1) == 'F' then\n"
    FRESH_TIMES
    "  if till > 0 and arrival > till then return {now, 0, ''} end\n"
    "  call('HDEL', key, 'm')\n"
    "  return {math.max(now, arrival), 0, expires > now and sub(m, 7, 22) or ''}\n"
    "end\n"
    "if not m then return {now, 0, ''} end\n"
    READ
    "if till == 0 then till = math.max(now, last) end\n"
    "while (b > a or head <= tail) and most > 0 do\n"
    "  local i = row(0)\n"
    "  local s = call('HGET', key, i)\n"
    "  if unp('>I7', s) > till then break end\n"
    "  if #s > 7 and sub(s, 31, 31) < 'a' then\n"
    "    local id = sub(s, 15, 30)\n"
    "    call('HDEL', key, i, id)\n"
    "    less(owner(s))\n"
    "    n = n - 1\n"
    "    if unp('>I7', s, 8) > now then out[#out + 1] = id end\n"
    "  else\n"
    "    call('HDEL', key, i)\n"
    "  end\n"
    "  if b > a then a = a + 1 else head = head + 1 end\n"
    "  most = most - 1\n"
    "end\n"
    SETTLE
    WRITE
    "call('HSET', key, 'm', m)\n"
    "return {math.max(till, now), most == 0 and 1 or 0, table.concat(out)}\n";

/* The key is the claim's own. Deleting what is not there lets the script write, as MAY_WRITE does. */
static const char once[] =
    BEGIN
    "if call('EXISTS', key) == 1 then return {ok='REPLAYED'} end\n"
    "call('DEL', key)\n"
    "call('SET', key, '', 'PX', ARGV[1])\n"
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
    CLAIM_ALWAYS
    "local kept, left = call('HGET', key, 't'), call('PTTL', key)\n"
    "if kept and left > 0 then return {now, now + left * 1000, kept} end\n"
    "return {now}\n";

static const char drop[] =
    BEGIN
    CLAIM_ALWAYS
    "local gone = call('DEL', key)\n"
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
        [CPSD_REDIS_PUT] = put,       [CPSD_REDIS_PUT_LIMITED] = put_limited,
        [CPSD_REDIS_LIST] = list,     [CPSD_REDIS_GET] = get,
        [CPSD_REDIS_REMOVE] = take,   [CPSD_REDIS_ONCE] = once,
        [CPSD_REDIS_KEEP] = keep,     [CPSD_REDIS_LOOK] = look,
        [CPSD_REDIS_FORGET] = forget, [CPSD_REDIS_EMPTY] = empty,
        [CPSD_REDIS_DROP] = drop,     [CPSD_REDIS_OWE] = owe,
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
