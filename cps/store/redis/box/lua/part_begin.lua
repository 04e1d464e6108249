-- SPDX-License-Identifier: MIT
-- Sets key, and now: Redis' clock in microseconds.
local call, pack, unp, sub, text = redis.call, struct.pack, struct.unpack, string.sub, string.format
local key = KEYS[1]
local t = call('TIME')
local now = t[1] * 1000000 + t[2]
