-- SPDX-License-Identifier: MIT
-- Counts what is to be subtracted from the p and q fields (minus[field]); part_settle.lua does it. owner(s) is the name
-- of the p field that counts the row s.
local minus = {}
local function less(field, by) minus[field] = (minus[field] or 0) + (by or 1) end
local function owner(s)
  local form = sub(s, BOX_ROW_FORM + 1, BOX_ROW_FORM + 1)
  return 'p' .. ((form == BOX_FORM_PLAIN_OF or form == BOX_FORM_PACKED_OF)
    and sub(s, BOX_ROW_OWNER + 1, BOX_ROW_OWNER + BOX_OWNER_OCTETS) or '')
end
