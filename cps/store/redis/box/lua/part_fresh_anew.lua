-- SPDX-License-Identifier: MIT
-- Converts a box that was made without a script to the usual form. The key keeps its expiry: setting the same time
-- again could delete the key, since time has passed meanwhile.
local record = m
m = pack('>I5I5I3I7I7I7', 1, 1, 1, arrival, expires, expires)
local only = when .. sub(record, BOX_FRESH_ID + 1)
call('HSET', key, sub(record, BOX_FRESH_ID + 1, BOX_FRESH_FORM), BOX_ITEM_LIVING .. when .. '1', '1', only,
  owner(only), '1', 'm', m)
