-- SPDX-License-Identifier: MIT
-- Reads one envelope, taken or not.
-- include: part_begin.lua
-- include: part_claim_always.lua
local got = call('HMGET', key, 'm', ARGV[1])
local m, v = got[1], got[2]
if m and sub(m, 1, 1) == BOX_FRESH and sub(m, BOX_FRESH_ID + 1, BOX_FRESH_FORM) == ARGV[1] then
-- include: part_fresh_times.lua
  return {math.max(now, arrival), expires > now and when .. sub(m, BOX_FRESH_ID + 1) or nil}
end
if not v or unp('>I7', v, BOX_ITEM_EXPIRES + 1) <= now then return {now} end
-- include: part_read.lua
-- include: part_find.lua
-- include: part_row_of.lua
local _, s = row_of(v)
-- the row of a taken envelope may be another's by now, or no longer be shown
if not s or #s <= BOX_ROW_GONE or sub(s, 1, BOX_TIME_OCTETS) ~= sub(v, BOX_ITEM_ARRIVAL + 1, BOX_ITEM_EXPIRES)
  or unp('>I7', s, BOX_ROW_EXPIRES + 1) <= now then
  return {now}
end
return {now, s}
