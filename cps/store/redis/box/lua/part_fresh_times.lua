-- SPDX-License-Identifier: MIT
-- Computes arrival and expiry of the envelope in a box that was made without a script. The key's expiry has whole
-- milliseconds, rounded down when the envelope arrived, so arrival may be a little late here. This is harmless, since
-- every time that a caller was told, and every later arrival, is later still.
local ms, life = call('PEXPIRETIME', key), unp('>I5', m, BOX_FRESH_LIFE + 1)
if ms < 0 then ms = math.ceil(now / 1000) + life end
local arrival, expires = (ms - life) * 1000 + 999, ms * 1000
local when = pack('>I7I7', arrival, expires)
