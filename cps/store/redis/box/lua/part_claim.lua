-- SPDX-License-Identifier: MIT
-- Takes the claim, if there is one.
if KEYS[2] and not call('SET', KEYS[2], '', 'NX', 'PX', ARGV[#ARGV]) then return {ok='REPLAYED'} end
