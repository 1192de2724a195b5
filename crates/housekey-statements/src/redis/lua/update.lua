-- Returns 2 if the record is changed, 1 if it has another version, 0 if there is none.
local id, user, version, created_at, last_seen_at, expires_at, data, seconds = unpack(ARGV, 2, 9)
local found = redis.call('HMGET', login_key(id), 'version', 'user_id', 'created_at')
if not found[1] then
  return 0
end
if found[1] ~= version then
  return 1
end
-- First, since this alone could fail.
redis.call('HINCRBY', login_key(id), 'version', 1)
redis.call('HSET', login_key(id), 'user_id', user, 'created_at', created_at,
  'last_seen_at', last_seen_at, 'expires_at', expires_at, 'data', data)
forget(id, found[3], found[2])
enter(id, user, created_at, last_seen_at, expires_at, seconds)
return 2
