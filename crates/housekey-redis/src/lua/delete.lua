-- Returns 1 if there was a record.
local id = ARGV[2]
local user = redis.call('HGET', login_key(id), 'user_id')
return user and delete(id, user) or 0
