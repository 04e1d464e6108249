-- SPDX-License-Identifier: MIT
-- Takes tokens from every bucket, or from none if one has too few. A bucket is stored as the time at which it will be
-- full.
local claimed = (#ARGV - 9) % 3
local buckets, left, wait, which, full = (#ARGV - 9 - claimed) / 3, 2 ^ 53, 0, 0, {}
for i = 1, buckets do
  local token, burst, cost = tonumber(ARGV[7 + 3 * i]), tonumber(ARGV[8 + 3 * i]), tonumber(ARGV[9 + 3 * i])
  local from = math.max(now, tonumber(call('GET', KEYS[1 + claimed + i]) or 0))
  local credit = now + token * burst - from - token * cost
  full[i] = from + token * cost
  if credit < 0 then
    if -credit > wait then wait, which = -credit, i end
  else
    left = math.min(left, math.floor(credit / token))
  end
end
if which > 0 then return {3, now, 0, wait, which} end
if claimed > 0 and not call('SET', KEYS[2], '', 'NX', 'PX', ARGV[#ARGV]) then return {ok='REPLAYED'} end
for i = 1, buckets do
  call('SET', KEYS[1 + claimed + i], text('%d', full[i]), 'PX', text('%d', math.ceil((full[i] - now) / 1000) + 1))
end
