-- Appends events to one partition, each unless a mark that counts stands for its key. All marks are read by one command
-- and written by one: a command an event would cost half as much again.
--
-- KEYS[1]       the stream of the partition
-- KEYS[1 + i]   the mark of event i
-- ARGV          for each event in turn: its fingerprint, 16 bytes; how many arguments follow; these, the fields and
--               values of its entry
--
-- Returns for each event: 1 appended, 0 a mark bears this fingerprint, 2 a mark bears another.
local stream = KEYS[1]

-- A mark without expiry whose entry is gone does not count: what was destroyed is accepted anew.
local function counts(key, mark)
  if redis.call('PTTL', key) ~= -1 then return true end
  local id = string.match(mark, '^%d+%-%d+$', 17)
  return id and #redis.call('XRANGE', stream, id, id) > 0
end

local marks = redis.call('MGET', unpack(KEYS, 2))
local answers, new, appended = {}, {}, {}
local at = 1
for i, mark in ipairs(marks) do
  local key, fingerprint = KEYS[i + 1], ARGV[at]
  local first, last = at + 2, at + 1 + tonumber(ARGV[at + 1])
  at = last + 1
  -- Two of one key in one call: the first leads.
  local known = appended[key]
  if not known and mark and counts(key, mark) then known = string.sub(mark, 1, 16) end
  if not known then
    new[#new + 1] = key
    new[#new + 1] = fingerprint .. redis.call('XADD', stream, '*', unpack(ARGV, first, last))
    appended[key] = fingerprint
    answers[i] = 1
  elseif known == fingerprint then
    answers[i] = 0
  else
    answers[i] = 2
  end
end
if #new > 0 then redis.call('MSET', unpack(new)) end
return answers
