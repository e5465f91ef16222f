-- Takes over entries of one partition that somebody was given too long ago, with the count of their deliveries.
--
-- KEYS[1]   the stream of the partition
-- ARGV[1]   the consumer group
-- ARGV[2]   who takes them
-- ARGV[3]   how long ago, in milliseconds
-- ARGV[4]   where to begin
-- ARGV[5]   how many at most
--
-- Returns where to go on (0-0 at the end), {id, deliveries, fields} for each, and how many pending entries turned out
-- to be deleted.
local reply = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
local taken = {}
for i, entry in ipairs(reply[2]) do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)
  taken[i] = { entry[1], pending[1] and pending[1][4] or 1, entry[2] }
end
return { reply[1], taken, #reply[3] }
