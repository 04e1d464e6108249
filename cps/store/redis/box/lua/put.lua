-- SPDX-License-Identifier: MIT
-- Stores an envelope. Arguments and answer: CPSD_REDIS_PUT in script.h.
-- include: part_begin.lua
-- include: part_claim.lua
local left = -1
-- include: part_store.lua
