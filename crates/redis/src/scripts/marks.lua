-- Removes marks of one partition that have no expiry though their entry is gone: it was destroyed.
--
-- KEYS[1]       the stream of the partition
-- KEYS[1 + i]   mark i
--
-- Returns how many it removed.
local removed = 0
for i = 2, #KEYS do
  if redis.call('PTTL', KEYS[i]) == -1 then
    local id = string.match(redis.call('GET', KEYS[i]), '^%d+%-%d+$', 17)
    if not id or #redis.call('XRANGE', KEYS[1], id, id) == 0 then
      removed = removed + redis.call('DEL', KEYS[i])
    end
  end
end
return removed
