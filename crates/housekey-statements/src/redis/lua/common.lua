-- Precedes each script about one user. KEYS are the user's records, their order of last use, and the bucket's index by
-- expiry; ARGV[1] is the user.
local logins, seen, expiry, user = KEYS[1], KEYS[2], KEYS[3], ARGV[1]

-- A number of at most 16 digits, so that its text sorts as numbers do.
local function pad(number)
  return string.rep('0', 16 - #number) .. number
end

-- The record with this id, or nil. The claim that its pointer was set with follows the times.
local function read(id)
  local text = redis.call('HGET', logins, id)
  if not text then
    return nil
  end
  local version, made, last, ends, claim, data = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%x+) (.*)$')
  assert(version, 'unreadable')
  return { version = version, made = made, last = last, ends = ends, claim = claim, data = data, text = text }
end

local function keep(key, seconds)
  if redis.call('TTL', key) < tonumber(seconds) then
    redis.call('EXPIRE', key, seconds)
  end
end

-- Writes a record, and has Redis delete all of the user's records with the last of them. The record comes first, since only
-- this step can fail.
local function write(id, it, seconds)
  local text = { it.version, it.made, it.last, it.ends, it.claim, it.data }
  redis.call('HSET', logins, id, table.concat(text, ' '))
  redis.call('ZADD', expiry, it.ends, id .. user)
  redis.call('ZADD', seen, it.last, pad(it.made) .. id)
  keep(logins, seconds)
  keep(seen, seconds)
end

local function forget(id, it)
  redis.call('HDEL', logins, id)
  redis.call('ZREM', seen, pad(it.made) .. id)
  redis.call('ZREM', expiry, id .. user)
end

-- The id in an entry of the order, and its record, or nil: Redis may have dropped the record, and another one may have its
-- id now.
local function about(entry)
  local id = string.sub(entry, 17)
  local it = read(id)
  return id, it and pad(it.made) == string.sub(entry, 1, 16) and it or nil
end

-- Deletes a record, and notes its id and its claim.
local function drop(id, it, gone)
  forget(id, it)
  table.insert(gone, id)
  table.insert(gone, it.claim)
end

-- The same, given its entry.
local function drop_entry(entry, gone)
  local id, it = about(entry)
  if it then
    drop(id, it, gone)
  else
    redis.call('ZREM', seen, entry)
  end
end
