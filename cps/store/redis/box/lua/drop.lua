-- SPDX-License-Identifier: MIT
-- Deletes a record.
-- include: part_begin.lua
-- include: part_claim_always.lua
local gone = call('DEL', key)
return {gone, now}
