-- SPDX-License-Identifier: MIT
-- Begins to compact the rows if `begin` is set, and does the next 128 rows of a compaction that is under way.
if b == 0 and begin then a, b, low = head, head, 2 ^ 55 end
if b > 0 then
  local f, keep, drop = {}, {}, {}
  for i = head, math.min(head + 127, tail) do f[#f + 1] = i end
  for i, s in ipairs(#f > 0 and call('HMGET', key, unpack(f)) or f) do
    local e = #s > BOX_ROW_GONE and unp('>I7', s, BOX_ROW_EXPIRES + 1) or 0
    if e > now then
      if f[i] > b then
        drop[#drop + 1] = f[i]
        keep[#keep + 1] = b
        keep[#keep + 1] = s
      end
      b, low = b + 1, math.min(low, e)
    else
      drop[#drop + 1] = f[i]
      if #s > BOX_ROW_GONE and sub(s, BOX_ROW_FORM + 1, BOX_ROW_FORM + 1) < 'a' then
        drop[#drop + 1] = sub(s, BOX_ROW_ID + 1, BOX_ROW_FORM)
        less(owner(s))
        n, purged = n - 1, purged + 1
      end
    end
  end
  head = head + #f
  if #drop > 0 then call('HDEL', key, unpack(drop)) end
  if #keep > 0 then call('HSET', key, unpack(keep)) end
  if head > tail then
    pause = now + math.max(100000, (b - a) * 100)
    head, tail, min, a, b = a, b - 1, low, 0, 0
  end
end
