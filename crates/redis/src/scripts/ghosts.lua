-- Takes up entries of one partition that were given to somebody but that nobody holds: a consumer was deleted with
-- them. Looks into the gaps between pending entries, which are empty where all is well.
--
-- KEYS[1]   the stream of the partition
-- ARGV[1]   the consumer group
-- ARGV[2]   the consumer that holds them from now on
-- ARGV[3]   where to begin: '-', or '(' and an id
-- ARGV[4]   how many pending entries to look at
-- ARGV[5]   how many ghosts to take up at most
--
-- Returns where to go on ('-' once the end was reached), and how many were taken up.
local stream, group, consumer, from = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local look_at, at_most = tonumber(ARGV[4]), tonumber(ARGV[5])

local function last_delivered()
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then return nil end
  for _, fields in ipairs(groups) do
    local of = {}
    for i = 1, #fields, 2 do of[fields[i]] = fields[i + 1] end
    if of['name'] == group then return of['last-delivered-id'] end
  end
  return nil
end

local last = last_delivered()
if not last or last == '0-0' then return { '-', 0 } end

local pending = redis.call('XPENDING', stream, group, from, last, look_at)
local gap_ends = {}
for i, entry in ipairs(pending) do gap_ends[i] = '(' .. entry[1] end
local is_end = #pending < look_at
if is_end then gap_ends[#gap_ends + 1] = last end

local ghosts = 0
for _, gap_end in ipairs(gap_ends) do
  local found = redis.call('XRANGE', stream, from, gap_end, 'COUNT', 1)[1]
  while found do
    -- Idle for a day: whoever takes over next takes it.
    redis.call('XCLAIM', stream, group, consumer, 0, found[1], 'IDLE', 86400000, 'RETRYCOUNT', 1, 'FORCE', 'JUSTID')
    ghosts = ghosts + 1
    from = '(' .. found[1]
    if ghosts >= at_most then return { from, ghosts } end
    found = redis.call('XRANGE', stream, from, gap_end, 'COUNT', 1)[1]
  end
  from = gap_end
end
return { is_end and '-' or from, ghosts }
