-- Finds the entry that a mark names.
--
-- KEYS[1]   the stream of the partition
-- KEYS[2]   the mark
--
-- Returns {id, fields}, or nil where there is no mark or its entry is gone.
local mark = redis.call('GET', KEYS[2])
local id = mark and string.match(mark, '^%d+%-%d+$', 17)
if not id then return nil end
return redis.call('XRANGE', KEYS[1], id, id)[1]
