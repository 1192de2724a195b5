-- Returns 1 if there was a record.
local id = ARGV[2]
local found = redis.call('HMGET', login_key(id), 'user_id', 'created_at')
return found[1] and delete(id, found[2], found[1]) or 0
