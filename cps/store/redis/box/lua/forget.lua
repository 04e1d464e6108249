-- SPDX-License-Identifier: MIT
-- Deletes living envelopes as if they had never been there: nothing is remembered of them. Other ids are skipped.
-- include: part_begin.lua
-- include: part_may_write.lua
-- include: part_owners.lua
local ids, m, limit = ARGV[1], call('HGET', key, 'm'), 2 ^ 53
if m and sub(m, 1, 1) == BOX_FRESH then
  for k = 1, #ids, BOX_ID_OCTETS do
    -- the key goes with its only field
    if sub(m, BOX_FRESH_ID + 1, BOX_FRESH_FORM) == sub(ids, k, k + (BOX_ID_OCTETS - 1)) then call('HDEL', key, 'm') end
  end
  return {0, now}
end
if not m then return {0, now} end
-- include: part_read.lua
-- include: part_find.lua
-- include: part_row_of.lua
for k = 1, #ids, BOX_ID_OCTETS do
  local id = sub(ids, k, k + (BOX_ID_OCTETS - 1))
  local item = call('HGET', key, id)
  if item and sub(item, 1, 1) == BOX_ITEM_LIVING then
    local i, s = row_of(item)
    less(owner(s))
    call('HDEL', key, id)
    call('HSET', key, i, sub(item, BOX_ITEM_ARRIVAL + 1, BOX_ITEM_EXPIRES))
    n = n - 1
  end
end
-- include: part_purge.lua
local begin = b - a + tail - head >= 2 * n + 256
-- include: part_compact.lua
-- include: part_settle.lua
-- include: part_write.lua
call('HSET', key, 'm', m)
return {0, now}
