-- Returns the result (done, crowded, full, taken), the ids of the logins that ended for the limit, and the id and the claim
-- of each deleted record. A call that only looks (1) gets free instead of done, and nothing is done then.
local id, claim, version, made, last, ends, data = unpack(ARGV, 2, 8)
local seconds, long_expired, swept = unpack(ARGV, 9, 11)
local count, now, spared_since, most = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
local looks = ARGV[16] == '1'
local before = read(id)
local fenced = redis.call('HGET', logins, '~' .. id)
if fenced and string.find(fenced, claim, 1, true) or before and tonumber(before.ends) > now then
  return { 'taken', {}, {} }
end
local replaced = { [id] = true }
for i = 17, #ARGV do
  replaced[ARGV[i]] = true
end

-- As `Limit::room`, which says why.
local answer, ended, going, gone = 'done', {}, {}, {}
if redis.call('ZCARD', seen) >= count then
  local newest = redis.call('ZREVRANGE', seen, 0, most - 1, 'WITHSCORES')
  local stay = 1
  for i = 1, #newest, 2 do
    local other, it = about(newest[i])
    if not replaced[other] then
      if not it or tonumber(it.ends) <= now then
        table.insert(going, newest[i])
      elseif stay < count then
        stay = stay + 1
      elseif tonumber(newest[i + 1]) < spared_since then
        table.insert(going, newest[i])
        table.insert(ended, other)
      else
        return { 'full', {}, {} }
      end
    end
  end
  if #newest >= 2 * most then
    answer = 'crowded'
  end
end

if looks and answer == 'done' then
  return { 'free', {}, {} }
end
if answer == 'done' then
  if before then
    forget(id, before)
  end
  write(id, { version = version, made = made, last = last, ends = ends, claim = claim, data = data }, seconds)
  replaced[id] = nil
  for old in pairs(replaced) do
    local it = read(old)
    if it then
      drop(old, it, gone)
    end
  end
end
for _, entry in ipairs(going) do
  drop_entry(entry, gone)
end
-- Redis itself deletes the records of users that do not come back. Of the rest, each login deletes a little: of the user's
-- own records, and of the index.
for _, entry in ipairs(redis.call('ZRANGE', seen, 0, swept - 1)) do
  local _, it = about(entry)
  if not it or tonumber(it.ends) <= tonumber(long_expired) then
    drop_entry(entry, gone)
  end
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', long_expired, 'LIMIT', 0, swept)) do
  redis.call('ZREM', expiry, entry)
end
return { answer, ended, gone }
