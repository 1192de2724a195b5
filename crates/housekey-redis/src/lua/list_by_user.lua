-- Returns the id and the fields of each record.
local user, now = ARGV[2], ARGV[3]
local records = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', user_key(user), '(' .. now, '+inf')) do
  local fields = redis.call('HMGET', login_key(id),
    'user_id', 'version', 'created_at', 'last_seen_at', 'expires_at', 'data')
  if fields[1] then
    table.insert(records, { id, fields })
  else
    -- Redis has deleted it by itself.
    forget(id, user)
  end
end
return records
