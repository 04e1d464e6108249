-- SPDX-License-Identifier: MIT
-- Subtracts what part_owners.lua has counted. Boxes of an earlier version lack these fields.
for field, count in pairs(minus) do
  local left = tonumber(call('HGET', key, field) or 0) - count
  if left > 0 then call('HSET', key, field, text('%d', left)) else call('HDEL', key, field) end
end
