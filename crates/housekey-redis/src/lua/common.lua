-- Stands before each of the other scripts. KEYS[1] is the index of all records by expiry, ARGV[1] the prefix.
local expiry, prefix = KEYS[1], ARGV[1]

local function login_key(id)
  return prefix .. 'login:' .. id
end

local function user_key(user)
  return prefix .. 'user:' .. user
end

-- Takes a record out of both indexes.
local function forget(id, user)
  redis.call('ZREM', user_key(user), id)
  redis.call('ZREM', expiry, id .. user)
end

-- 1 if it was there.
local function delete(id, user)
  forget(id, user)
  return redis.call('DEL', login_key(id))
end

-- Enters a record into both indexes and has Redis delete it, and the user's list with the last of it, after `seconds`.
local function enter(id, user, expires_at, seconds)
  redis.call('ZADD', expiry, expires_at, id .. user)
  redis.call('ZADD', user_key(user), expires_at, id)
  redis.call('EXPIRE', login_key(id), seconds)
  if redis.call('TTL', user_key(user)) < tonumber(seconds) then
    redis.call('EXPIRE', user_key(user), seconds)
  end
end

-- Deletes records that expired at a time or before, at most so many of them, and returns how many.
local function purge(time, limit)
  local expired = redis.call('ZRANGEBYSCORE', expiry, '-inf', time, 'LIMIT', 0, limit)
  for _, entry in ipairs(expired) do
    -- An id has 22 characters; the user's follows.
    delete(string.sub(entry, 1, 22), string.sub(entry, 23))
  end
  return #expired
end
