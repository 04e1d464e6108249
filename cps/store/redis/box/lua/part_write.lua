-- SPDX-License-Identifier: MIT
-- Builds m from the variables that part_read.lua has set.
m = pack('>I5I5I3I7I7I7', head, tail, n, last, max, min)
if pause > now or ttail >= thead or b > 0 then m = m .. pack('>I7I5I5I5I5I7', pause, thead, ttail, a, b, low) end
