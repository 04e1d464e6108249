-- SPDX-License-Identifier: MIT
-- Stores a record, unless one of a higher order is there. A record is a hash of its text (t) and its order (o).
-- include: part_begin.lua
-- include: part_claim.lua
local got = call('HMGET', key, 't', 'o')
if got[2] and tonumber(got[2]) > tonumber(ARGV[3]) then return {2, now} end
if got[1] == ARGV[1] then return {1, now} end
call('HSET', key, 't', ARGV[1], 'o', ARGV[3])
call('PEXPIRE', key, ARGV[2])
return {0, now}
