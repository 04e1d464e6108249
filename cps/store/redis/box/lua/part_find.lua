-- SPDX-License-Identifier: MIT
-- find(after) is the position of the first row that arrived after that time. Callers mostly look for a recent row, so
-- the search goes backwards from the end in doubling steps, then bisects.
local function find(after)
  local hi, step = b - a + tail - head + 1, 1
  local lo = hi - 1
  while lo >= 0 and unp('>I7', call('HGET', key, row(lo))) > after do
    hi, lo, step = lo, lo - step, step * 2
  end
  lo = math.max(lo, -1) + 1
  while lo < hi do
    local mid = math.floor((lo + hi) / 2)
    if unp('>I7', call('HGET', key, row(mid))) > after then hi = mid else lo = mid + 1 end
  end
  return lo
end
