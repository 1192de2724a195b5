-- The arithmetic of AttemptSchedule::take_back. ARGV: from when on the next attempt could come when this one was counted, how often
-- one is forgotten, now.
local counted, every, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local next_at, forgotten_at = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+)$')
if not next_at then
  return 0
end
next_at, forgotten_at = tonumber(next_at), tonumber(forgotten_at)
if next_at == counted then
  next_at = 0
end
forgotten_at = math.max(forgotten_at - every, next_at)
if forgotten_at <= now then
  return redis.call('DEL', KEYS[1])
end
local seconds = string.format('%.0f', forgotten_at - now + SPARE)
redis.call('SET', KEYS[1], string.format('%.0f %.0f', next_at, forgotten_at), 'EX', seconds)
return 1
