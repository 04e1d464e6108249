-- SPDX-License-Identifier: MIT
-- Takes the claim, if there is one, in scripts that read or delete: these work while Redis' memory is used up.
if KEYS[2] then
-- include: part_may_write.lua
-- include: part_claim.lua
end
