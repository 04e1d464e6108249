-- SPDX-License-Identifier: MIT
-- Clears at most 8 expired rows or taken records at the front; in a ring also the living rows that exceed its size.
-- Where many taken records exist, a record that is remembered for long moves to the end: otherwise it would keep the
-- records after it, which are remembered for two minutes.
local most = 8
while (b > a or head <= tail) and most > 0 do
  local i = row(0)
  local s = call('HGET', key, i)
  if #s > BOX_ROW_GONE then
    local alive = unp('>I7', s, BOX_ROW_EXPIRES + 1) > now
    if alive and not (ring and n >= limit) then break end
    -- the index entry of a taken row (lower case) stays until its taken record expires
    if sub(s, BOX_ROW_FORM + 1, BOX_ROW_FORM + 1) > 'Z' then
      call('HDEL', key, i)
    else
      call('HDEL', key, i, sub(s, BOX_ROW_ID + 1, BOX_ROW_FORM))
      less(owner(s))
      n = n - 1
      if alive then dropped = dropped + 1 else purged = purged + 1 end
    end
  else
    call('HDEL', key, i)
  end
  if b > a then a = a + 1 else head = head + 1 end
  most = most - 1
end
while thead <= ttail and most > 0 do
  local s = call('HGET', key, 't' .. thead)
  local known = unp('>I7', s) > now
  if known and ttail - thead + 1 < limit then break end
  call('HDEL', key, 't' .. thead)
  thead, most = thead + 1, most - (known and 2 or 1)
  if known then
    ttail = ttail + 1
    call('HSET', key, 't' .. ttail, s)
  else
    local id = sub(s, BOX_TAKEN_ID + 1, BOX_TAKEN_OWNER)
    local v = call('HGET', key, id)
    if #s > BOX_TAKEN_OWNER then less(sub(s, BOX_TAKEN_OWNER + 1)) end
    -- the id may have been stored again since
    if v and sub(v, 1, 1) == BOX_ITEM_TAKEN and unp('>I7', v, BOX_ITEM_EXPIRES + 1) <= now then
      call('HDEL', key, id)
    end
  end
end
