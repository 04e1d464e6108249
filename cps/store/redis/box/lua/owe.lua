-- SPDX-License-Identifier: MIT
-- Takes tokens from a bucket whether it has them or not, up to the longest debt.
-- include: part_begin.lua
local token = tonumber(ARGV[1])
local full = math.max(now, tonumber(call('GET', key) or 0)) + token * ARGV[3]
full = math.min(full, now + token * ARGV[2] + ARGV[4])
call('SET', key, text('%d', full), 'PX', text('%d', math.ceil((full - now) / 1000) + 1))
return {0, now}
