-- SPDX-License-Identifier: MIT
-- Reads m (BOX_META_... in layout.h): head, tail, n (living), last, max, min; then pause, thead, ttail (taken records),
-- a, b (closed_from, closed_to) and low. row(i) is the number of the row at position i, counted from 0.
local head, tail, n, last, max, min, pause, thead, ttail, a, b, low = 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0
local purged, dropped, ring = 0, 0, false
if m then
  head, tail, n, last, max, min = unp('>I5I5I3I7I7I7', m)
  if #m > BOX_META_SHORT then pause, thead, ttail, a, b, low = unp('>I7I5I5I5I5I7', m, BOX_META_PAUSE + 1) end
end
local function row(i) return text('%d', i < b - a and a + i or head + i - b + a) end
