-- SPDX-License-Identifier: MIT
-- Reads a record.
-- include: part_begin.lua
-- include: part_claim_always.lua
local kept, left = call('HGET', key, 't'), call('PTTL', key)
if kept and left > 0 then return {now, now + left * 1000, kept} end
return {now}
