-- Returns what became of it (done, crowded, full, taken), and the ids of those that ended for the limit.
local id, user, version, created_at, last_seen_at, expires_at, data = unpack(ARGV, 2, 8)
local seconds, long_expired, swept = unpack(ARGV, 9, 11)
local count, now, spared_since, most = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
local before = redis.call('HMGET', login_key(id), 'user_id', 'created_at', 'expires_at')
if before[1] and tonumber(before[3]) > now then
  return { 'taken', {} }
end
local replaced = { [id] = true }
for i = 16, #ARGV do
  replaced[ARGV[i]] = true
end

-- As `Limit::room`, which says why.
local answer, ended, going = 'done', {}, {}
if redis.call('ZCARD', user_key(user)) >= count then
  local newest = redis.call('ZRANGE', user_key(user), 0, most - 1, 'REV', 'WITHSCORES')
  local stay = 1
  for i = 1, #newest, 2 do
    local other, made = parts(newest[i])
    if not replaced[other] then
      local found = fields(other, made, user, 'expires_at')
      if not found or tonumber(found[3]) <= now then
        table.insert(going, newest[i])
      elseif stay < count then
        stay = stay + 1
      elseif tonumber(newest[i + 1]) < spared_since then
        table.insert(going, newest[i])
        table.insert(ended, other)
      else
        return { 'full', {} }
      end
    end
  end
  if #newest >= 2 * most then
    answer = 'crowded'
  end
end

-- First, since this alone could fail.
if answer == 'done' then
  redis.call('HSET', login_key(id), 'user_id', user, 'version', version, 'created_at', created_at,
    'last_seen_at', last_seen_at, 'expires_at', expires_at, 'data', data)
  if before[1] then
    forget(id, before[2], before[1])
  end
  enter(id, user, created_at, last_seen_at, expires_at, seconds)
  for old in pairs(replaced) do
    local found = redis.call('HMGET', login_key(old), 'user_id', 'created_at')
    if found[1] and old ~= id then
      delete(old, found[2], found[1])
    end
  end
end
for _, entry in ipairs(going) do
  local other, made = parts(entry)
  delete(other, made, user)
end
-- What Redis has deleted by itself is still in the index of all records. Each login clears away a little of that.
purge(long_expired, swept)
return { answer, ended }
