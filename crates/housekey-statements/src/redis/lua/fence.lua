-- For a call that wants an id that points to this user. Returns 1 if this user has a live record with it. Otherwise, makes sure
-- that the claim in the pointer cannot create one, even if that call is still on its way. Earlier claims stay fenced off too,
-- because a call that saw one of them may come here late.
local MOST = 64
local id, now, claim, seconds = unpack(ARGV, 2, 5)
local it = read(id)
if it and tonumber(it.ends) > tonumber(now) then
  return 1
end
if it then
  forget(id, it)
end
if not it or it.claim ~= claim then
  local fenced = redis.call('HGET', logins, '~' .. id) or ''
  if not string.find(fenced, claim, 1, true) then
    redis.call('HSET', logins, '~' .. id, string.sub(fenced .. ' ' .. claim, -17 * MOST))
  end
  keep(logins, seconds)
end
return 0
