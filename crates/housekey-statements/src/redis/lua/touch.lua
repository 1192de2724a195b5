-- Returns 1 if the use was noted.
local id, now, unless_since, expires_at, seconds = unpack(ARGV, 2, 6)
local found = redis.call('HMGET', login_key(id), 'last_seen_at', 'expires_at', 'user_id', 'created_at')
if not found[1] or tonumber(found[1]) >= tonumber(unless_since) or tonumber(found[2]) <= tonumber(now) then
  return 0
end
redis.call('HSET', login_key(id), 'last_seen_at', now)
if tonumber(found[2]) < tonumber(expires_at) then
  redis.call('HSET', login_key(id), 'expires_at', expires_at)
  enter(id, found[3], found[4], now, expires_at, seconds)
else
  -- Only if it is there: a list that Redis has dropped would come back without an end.
  redis.call('ZADD', user_key(found[3]), 'XX', now, pad(found[4]) .. id)
end
return 1
