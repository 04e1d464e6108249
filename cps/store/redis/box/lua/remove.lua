-- SPDX-License-Identifier: MIT
-- Takes an envelope out. That it was taken is remembered until the envelope would have expired, beyond the limit for
-- two minutes after it was stored: see cpsd_store_remove.
-- include: part_begin.lua
-- include: part_claim_always.lua
-- include: part_may_write.lua
-- include: part_owners.lua
local id, shown, limit = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local got = call('HMGET', key, 'm', id)
local m, item = got[1], got[2]
local fresh = m and sub(m, 1, 1) == BOX_FRESH
local ends
-- a box that was made without a script gets the usual form first
if fresh and (sub(m, BOX_FRESH_ID + 1, BOX_FRESH_FORM) == id or ARGV[2] == '1') then
-- include: part_fresh_times.lua
  if sub(m, BOX_FRESH_ID + 1, BOX_FRESH_FORM) ~= id then
-- include: part_fresh_anew.lua
  elseif expires > now then
    -- the key goes with its only field
    call('HDEL', key, 'm')
-- include: part_fresh_anew.lua
    item, ends = BOX_ITEM_LIVING .. when .. '1', ms
  else
    m = nil
  end
end
local alive = item and unp('>I7', item, BOX_ITEM_EXPIRES + 1) > now
if alive and sub(item, 1, 1) == BOX_ITEM_TAKEN then
  return {2, now}
end
if not alive and ARGV[2] ~= '1' then
  return {0, now}
end
-- include: part_read.lua
-- include: part_find.lua
-- include: part_row_of.lua
-- how long it is remembered: at least two minutes after it was stored, and to its expiry while there is room for that
local many = ttail - thead + 1
local i, s, arrival, known, q = '0', nil, pack('>I7', 0), now + 120000000, ''
if item and sub(item, 1, 1) == BOX_ITEM_LIVING then
  i, s = row_of(item)
  call('HDEL', key, id)
  n, arrival = n - 1, sub(item, BOX_ITEM_ARRIVAL + 1, BOX_ITEM_EXPIRES)
  if alive then
    known = unp('>I7', item, BOX_ITEM_ARRIVAL + 1) + 120000000
    if many < limit then known = math.max(known, unp('>I7', item, BOX_ITEM_EXPIRES + 1)) end
    known = math.max(known, now + 1)
  end
elseif many >= limit then
  return {0, now}
end
-- the row stays shown as taken, or keeps only its arrival
if s then
  local p = owner(s)
  less(p)
  q = alive and 'q' .. sub(p, 2) or ''
  local show = alive and many < shown
  call('HDEL', key, i)
  call('HSET', key, i, show
    and sub(s, 1, BOX_ROW_FORM) .. string.lower(sub(s, BOX_ROW_FORM + 1, BOX_ROW_FORM + 1)) .. sub(s, BOX_ROW_HEAD + 1)
    or arrival)
end
-- the taken record, and the index entry that refers to the row
ttail = ttail + 1
local when = pack('>I7', known)
call('HSET', key, id, BOX_ITEM_TAKEN .. arrival .. when .. i, 't' .. ttail, when .. id .. q)
if q ~= '' then less(q, -1) end
-- include: part_purge.lua
local begin = b - a + tail - head >= 2 * n + 256
-- include: part_compact.lua
local grown = known > max
max = math.max(max, known)
-- include: part_settle.lua
-- include: part_write.lua
call('HSET', key, 'm', m)
if grown then ends = math.ceil(max / 1000) end
if ends then call('PEXPIREAT', key, text('%d', ends)) end
return {alive and 1 or 0, now}
