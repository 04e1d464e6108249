-- SPDX-License-Identifier: MIT
-- Lists rows. Most boxes are short and have never been longer: the first rows are read together with m.
-- include: part_begin.lua
-- include: part_claim_always.lua
-- include: part_owners.lua
local after, count, octets = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local got = after > 0 and {call('HGET', key, 'm')} or
  call('HMGET', key, 'm', '1', '2', '3', '4', '5', '6', '7', '8')
local m = got[1]
if m and sub(m, 1, 1) == BOX_FRESH then
-- include: part_fresh_times.lua
  return {math.max(now, arrival), 0, arrival > after and expires > now and {when .. sub(m, BOX_FRESH_ID + 1)} or {}}
end
-- include: part_read.lua
-- include: part_find.lua
local out, size, more, skipped, rows = {}, 0, 0, 0, b - a + tail - head + 1
local whole = after <= 0 and b == 0 and tail <= BOX_SHORT_ROWS
local place = after <= 0 and 0 or after < last and find(after) or rows
-- rows are read 16 at a time, up to the limits; expired and taken-out ones are skipped
while place < rows and more == 0 do
  local f, first, to = got, head + 1, tail + 1
  if not whole then
    f, first, to = {}, 1, math.min(16, rows - place)
    for i = 1, to do f[i] = row(place + i - 1) end
    f = call('HMGET', key, unpack(f))
  end
  place = place + to - first + 1
  for i = first, to do
    local s = f[i]
    if #s > BOX_ROW_GONE and unp('>I7', s, BOX_ROW_EXPIRES + 1) > now then
      -- a packed row (P, Q) is estimated at its unpacked size
      size = size + (string.find('PpQq', sub(s, BOX_ROW_FORM + 1, BOX_ROW_FORM + 1), 1, true) and 4 * #s / 3 + 99
        or #s - BOX_ROW_HEAD)
      if #out == count or #out > 0 and size > octets then
        more = 1
        break
      end
      out[#out + 1] = s
    else
      skipped = skipped + 1
    end
  end
end
-- a list that skipped many rows compacts them, so that the next one is shorter
local told = math.max(now, last)
if skipped > 64 and (b > 0 or now >= pause) then
  local begin = true
-- include: part_may_write.lua
-- include: part_compact.lua
-- include: part_settle.lua
-- include: part_write.lua
  call('HSET', key, 'm', m)
end
return {told, more, out}
