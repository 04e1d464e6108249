-- SPDX-License-Identifier: MIT
-- Stores an envelope. left is what part_spend.lua found, or -1. Refuses with 2 if the box is full, 4 if the publisher
-- has its share of it, 5 if too many taken envelopes of the publisher, or of the box, are remembered. A refused PUBLISH
-- or SPUBLISH does not fail the put.
-- include: part_owners.lua
local id, limit, share = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[8])
local p, q = 'p' .. sub(ARGV[7], 2, 1 + BOX_OWNER_OCTETS), 'q' .. sub(ARGV[7], 2, 1 + BOX_OWNER_OCTETS)
-- one command reads m, the index entry of this id, and the counts of this publisher
local got = call('HMGET', key, 'm', id, p, q)
local m, old, mine, taken = got[1], got[2], tonumber(got[3] or 0), tonumber(got[4] or 0)
if m and sub(m, 1, 1) == BOX_FRESH then
-- include: part_fresh_times.lua
  if sub(m, BOX_FRESH_ID + 1, BOX_FRESH_FORM) == id and expires > now then return {1, now, 0, 0, left} end
-- include: part_fresh_anew.lua
  if owner(only) == p then mine = 1 end
end
-- include: part_read.lua
ring = ARGV[9] == '1'
-- An id that is living, or remembered as taken, is not stored again. An expired one is removed first, since the new row
-- gets the same index entry.
if m then
  if old then
    local living = sub(old, 1, 1) == BOX_ITEM_LIVING
    if unp('>I7', old, BOX_ITEM_EXPIRES + 1) > now then return {1, now, 0, 0, left} end
    if living then
-- include: part_find.lua
-- include: part_row_of.lua
      local i, s = row_of(old)
      less(owner(s))
      call('HSET', key, i, sub(old, BOX_ITEM_ARRIVAL + 1, BOX_ITEM_EXPIRES))
      n, purged = n - 1, purged + 1
    end
  end
  -- make room: clear the front, and compact where only that can help
  local rows = b - a + tail - head + 1
  if now >= min or rows > n or ttail >= thead or ring and n >= limit then
-- include: part_purge.lua
  end
  local begin = (n >= limit or mine >= share) and now >= min and now >= pause
    or b - a + tail - head >= 2 * n + 256
-- include: part_compact.lua
end
-- decide with the counts after clearing
mine, taken = mine - (minus[p] or 0), taken - (minus[q] or 0)
local many, why = ttail - thead + 1, 0
if not ring then
  why = n >= limit and 2 or mine >= share and 4
    or (many >= BOX_TAKEN_BOXES * limit or taken >= BOX_TAKEN_BOXES * share) and 5 or 0
end
-- minus[p] is dropped, since the count of p is written below
local expires, grown = now + ARGV[3] * 1000, false
if why == 0 then
  last = math.max(now, last + 1)
  if n == 0 or expires < min then min = expires end
  if b == 0 and head > tail then head, tail = 1, 0 end
  n, tail = n + 1, tail + 1
  if expires > max then max, grown = expires, true end
  minus[p] = nil
end
-- include: part_settle.lua
-- include: part_write.lua
-- a refused put still saves what it cleared, and reports when room is likely
if why > 0 then
  call('HSET', key, 'm', m)
  local free = b > 0 and now + 50000 or min > now and min or pause
  if why == 5 then
    free = math.max(now, (unp('>I7', call('HGET', key, 't' .. thead))))
    free = math.min(free, now + 120000000)
  end
  return {why, now, purged, free, left}
end
-- the row, its index entry, the publisher's count and m are one command
local when, i = pack('>I7I7', last, expires), text('%d', tail)
local row = when .. id .. ARGV[5] .. ARGV[7] .. ARGV[2]
call('HSET', key, id, BOX_ITEM_LIVING .. when .. i, i, row, p, text('%d', mine + 1), 'm', m)
if grown then call('PEXPIREAT', key, text('%d', math.ceil(max / 1000))) end
-- wake readers at other servers; a server before Redis 7 has no SPUBLISH
local told = redis.pcall(ARGV[6], key, '')
if ARGV[6] == 'SPUBLISH' and type(told) == 'table' then redis.pcall('PUBLISH', key, '') end
return {0, now, purged, dropped, left}
