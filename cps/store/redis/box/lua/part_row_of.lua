-- SPDX-License-Identifier: MIT
-- row_of(item) returns the row number of an index entry and the row. The row is where it was put unless the rows were
-- compacted since; then it is searched for. The row of a taken envelope may be gone: then what is found is another
-- envelope's row, or nothing.
local function row_of(item)
  local i = sub(item, BOX_ITEM_ROW + 1)
  local s = call('HGET', key, i)
  if s and sub(s, 1, BOX_TIME_OCTETS) == sub(item, BOX_ITEM_ARRIVAL + 1, BOX_ITEM_EXPIRES) then return i, s end
  i = row(find(unp('>I7', item, BOX_ITEM_ARRIVAL + 1) - 1))
  return i, call('HGET', key, i)
end
