-- Returns 1 if the record was created, 0 if there is one with its id.
local id, user, version, created_at, last_seen_at, expires_at, data = unpack(ARGV, 2, 8)
local seconds, long_expired, swept = unpack(ARGV, 9, 11)
if redis.call('EXISTS', login_key(id)) == 1 then
  return 0
end
redis.call('HSET', login_key(id), 'user_id', user, 'version', version, 'created_at', created_at,
  'last_seen_at', last_seen_at, 'expires_at', expires_at, 'data', data)
enter(id, user, expires_at, seconds)
for i = 12, #ARGV do
  local old = ARGV[i]
  local owner = old ~= id and redis.call('HGET', login_key(old), 'user_id')
  if owner then
    delete(old, owner)
  end
end
-- What Redis has deleted by itself is still in the index of all records. Each login clears away a little of that.
purge(long_expired, swept)
return 1
