-- Points an id to a user. KEYS[1] is the pointer: a unique claim, and the user. Returns 1 if there was none, 2 if it was the
-- expected one, which is fenced off, 0 if it is of another call; and the previous pointer.
local user, claim, seconds, expected = unpack(ARGV)
local there = redis.call('GET', KEYS[1])
if not there then
  redis.call('SET', KEYS[1], claim .. ' ' .. user, 'EX', seconds)
  return { 1, '' }
end
if there ~= expected then
  return { 0, there }
end
local longer = math.max(tonumber(seconds), redis.call('TTL', KEYS[1]))
redis.call('SET', KEYS[1], claim .. ' ' .. user, 'EX', string.format('%.0f', longer))
return { 2, there }
