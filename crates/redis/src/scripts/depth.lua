-- Measures one partition.
--
-- KEYS[1]   the stream of the partition
-- ARGV[1]   the consumer group
--
-- Returns how many entries there are, how many of them are pending, the id of the first ('' where there is none), and
-- whether the group is there (1 or 0).
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1])
local is_there = pending.err and 0 or 1
if pending.err then
  -- Without its group nothing is pending: who reads makes it anew.
  if string.sub(pending.err, 1, 7) ~= 'NOGROUP' then return pending end
  pending = { 0 }
end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return { redis.call('XLEN', KEYS[1]), pending[1], first and first[1] or '', is_there }
