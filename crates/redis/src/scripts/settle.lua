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
local deleted = 0
for i = 1, #KEYS - 1 do
  local mark, id, what = KEYS[1 + i], ARGV[1 + 2 * i], ARGV[2 + 2 * i]
  if redis.call('XACK', stream, group, id) == 1 then
    deleted = deleted + redis.call('XDEL', stream, id)
  end
  if what ~= 'none' then
    local value = redis.call('GET', mark)
    if value and string.sub(value, 17) == id then
      if what == 'keep' and window > 0 then
        redis.call('PEXPIRE', mark, ARGV[2])
      else
        redis.call('DEL', mark)
      end
    end
  end
end
return deleted
