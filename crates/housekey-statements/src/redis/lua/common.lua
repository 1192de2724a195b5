-- Stands before each of the other scripts. KEYS[1] is the index of all records by expiry, ARGV[1] the prefix.
local expiry, prefix = KEYS[1], ARGV[1]

local function login_key(id)
  return prefix .. 'login:' .. id
end

local function user_key(user)
  return prefix .. 'user:' .. user
end

-- A number of at most 16 digits so that texts of it sort as numbers do.
local function pad(number)
  return string.rep('0', 16 - #number) .. number
end

-- Takes a record out of both indexes.
local function forget(id, created_at, user)
  local made = pad(created_at)
  redis.call('ZREM', user_key(user), made .. id)
  redis.call('ZREM', expiry, id .. made .. user)
end

-- The values of some fields of the record that an entry of the indexes is about, or nil. Redis may have deleted it by itself,
-- and another one may have its id since then.
local function fields(id, created_at, user, ...)
  local found = redis.call('HMGET', login_key(id), 'user_id', 'created_at', ...)
  if found[1] == user and pad(found[2]) == pad(created_at) then
    return found
  end
end

-- 1 if it was there.
local function delete(id, created_at, user)
  local there = fields(id, created_at, user)
  forget(id, created_at, user)
  return there and redis.call('DEL', login_key(id)) or 0
end

-- The id of an entry of a user's list, and when it was made.
local function parts(entry)
  return string.sub(entry, 17), string.sub(entry, 1, 16)
end

-- Enters a record into both indexes and has Redis delete it, and the user's list with the last of it, after `seconds`.
local function enter(id, user, created_at, last_seen_at, expires_at, seconds)
  local made = pad(created_at)
  redis.call('ZADD', expiry, expires_at, id .. made .. user)
  redis.call('ZADD', user_key(user), last_seen_at, made .. id)
  redis.call('EXPIRE', login_key(id), seconds)
  if redis.call('TTL', user_key(user)) < tonumber(seconds) then
    redis.call('EXPIRE', user_key(user), seconds)
  end
end

-- Deletes records that expired at a time or before, at most so many of them, and returns how many.
local function purge(time, limit)
  local expired = redis.call('ZRANGEBYSCORE', expiry, '-inf', time, 'LIMIT', 0, limit)
  for _, entry in ipairs(expired) do
    -- An id has 22 characters; then comes when it was made, and the user.
    delete(string.sub(entry, 1, 22), string.sub(entry, 23, 38), string.sub(entry, 39))
  end
  return #expired
end
