-- Removes consumers of one partition that hold nothing and have not asked for long: processes that are gone.
--
-- KEYS[1]   the stream of the partition
-- ARGV[1]   the consumer group
-- ARGV[2]   how long, in milliseconds
--
-- Returns how many it removed.
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers.err then return 0 end
local removed = 0
for _, fields in ipairs(consumers) do
  local of = {}
  for i = 1, #fields, 2 do of[fields[i]] = fields[i + 1] end
  if of['pending'] == 0 and of['idle'] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of['name'])
    removed = removed + 1
  end
end
return removed
