-- Settles entries of one partition: acknowledged, then deleted only if they were pending; a mark is touched only if it
-- names the settled entry. No command of it needs memory, so that it works on a full Redis.
--
-- KEYS[1]             the stream of the partition
-- KEYS[1 + i]         the mark of settlement i; the stream again where it has none
-- ARGV[1]             the consumer group
-- ARGV[2]             the de-duplication window in milliseconds
-- ARGV[1 + 2i]        the entry of settlement i
-- ARGV[2 + 2i]        keep: its mark stays for the window; drop: it goes; none: there is none
--
-- Returns how many entries were deleted.
local stream, group, window = KEYS[1], ARGV[1], tonumber(ARGV[2])
local marks = redis.call('MGET', unpack(KEYS, 2))
local acknowledged = {}
for i, mark in ipairs(marks) do
  local id, what = ARGV[1 + 2 * i], ARGV[2 + 2 * i]
  if redis.call('XACK', stream, group, id) == 1 then acknowledged[#acknowledged + 1] = id end
  if what ~= 'none' and mark and string.sub(mark, 17) == id then
    if what == 'keep' and window > 0 then
      redis.call('PEXPIRE', KEYS[1 + i], ARGV[2])
    else
      redis.call('DEL', KEYS[1 + i])
    end
  end
end
if #acknowledged == 0 then return 0 end
return redis.call('XDEL', stream, unpack(acknowledged))
