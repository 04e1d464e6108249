-- SPDX-License-Identifier: MIT
-- Takes a claim, whose key this is. Deleting a missing key lets the script write, as part_may_write.lua does.
-- include: part_begin.lua
if call('EXISTS', key) == 1 then return {ok='REPLAYED'} end
call('DEL', key)
call('SET', key, '', 'PX', ARGV[1])
return {0, now}
