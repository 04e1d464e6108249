-- SPDX-License-Identifier: MIT
-- Deletes what arrived until a time, at most N rows per call: a box can be long, and Redis serves nobody else
-- meanwhile. Taken envelopes are still remembered, but no longer shown.
-- include: part_begin.lua
-- include: part_claim_always.lua
-- include: part_may_write.lua
-- include: part_owners.lua
local till, most, m, out = tonumber(ARGV[1]), tonumber(ARGV[2]), call('HGET', key, 'm'), {}
if m and sub(m, 1, 1) == BOX_FRESH then
-- include: part_fresh_times.lua
  if till > 0 and arrival > till then return {now, 0, ''} end
  call('HDEL', key, 'm')
  return {math.max(now, arrival), 0, expires > now and sub(m, BOX_FRESH_ID + 1, BOX_FRESH_FORM) or ''}
end
if not m then return {now, 0, ''} end
-- include: part_read.lua
if till == 0 then till = math.max(now, last) end
while (b > a or head <= tail) and most > 0 do
  local i = row(0)
  local s = call('HGET', key, i)
  if unp('>I7', s) > till then break end
  if #s > BOX_ROW_GONE and sub(s, BOX_ROW_FORM + 1, BOX_ROW_FORM + 1) < 'a' then
    local id = sub(s, BOX_ROW_ID + 1, BOX_ROW_FORM)
    call('HDEL', key, i, id)
    less(owner(s))
    n = n - 1
    if unp('>I7', s, BOX_ROW_EXPIRES + 1) > now then out[#out + 1] = id end
  else
    call('HDEL', key, i)
  end
  if b > a then a = a + 1 else head = head + 1 end
  most = most - 1
end
-- include: part_settle.lua
-- include: part_write.lua
call('HSET', key, 'm', m)
return {math.max(till, now), most == 0 and 1 or 0, table.concat(out)}
