-- The arithmetic of AttemptSchedule::count. Returns 1, from when on the next attempt may come, and when all are forgotten; or 0 and
-- until when this one has to wait.
local now, free, first, longest, every, most = unpack(ARGV)
now, free, first, longest, every, most =
  tonumber(now), tonumber(free), tonumber(first), tonumber(longest), tonumber(every), tonumber(most)
local next_at, forgotten_at = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+)$')
next_at, forgotten_at = tonumber(next_at or 0), tonumber(forgotten_at or 0)
if next_at > now and next_at <= now + longest then
  return { 0, next_at, 0 }
end
-- More than the schedule can give was written by a clock far ahead.
local left = math.min(math.max(forgotten_at - now, 0), most * every)
local failed = math.min(math.ceil(left / every) + 1, most)
local delay = 0
if failed >= free then
  delay = math.min(longest, first * 2 ^ (failed - free))
end
left = math.max(delay, math.min(left + every, most * every))
-- Without a wait no time is kept, for clocks that are behind.
next_at, forgotten_at = delay > 0 and now + delay or 0, now + left
redis.call('SET', KEYS[1], string.format('%.0f %.0f', next_at, forgotten_at), 'EX', string.format('%.0f', left + SPARE))
return { 1, next_at, forgotten_at }
