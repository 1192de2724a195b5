-- Points an id to a user. KEYS[1] is the pointer: a unique claim, and the user. Returns nothing if there was none, or the
-- expected one, which is fenced off; otherwise the pointer of another call, which stays.
local user, claim, seconds, expected = unpack(ARGV)
local there = redis.call('GET', KEYS[1])
if not there then
  redis.call('SET', KEYS[1], claim .. ' ' .. user, 'EX', seconds)
  return ''
end
if there ~= expected then
  return there
end
local longer = math.max(tonumber(seconds), redis.call('TTL', KEYS[1]))
redis.call('SET', KEYS[1], claim .. ' ' .. user, 'EX', string.format('%.0f', longer))
return ''
