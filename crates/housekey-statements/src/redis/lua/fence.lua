-- For another user's call that wants an id that points to this user. Returns 1 if this user has a live record with it.
-- Otherwise, makes sure that the claim in the pointer cannot create one, even if that call is still on its way.
local id, now, claim, seconds = unpack(ARGV, 2, 5)
local it = read(id)
if it and tonumber(it.ends) > tonumber(now) then
  return 1
end
if it then
  forget(id, it)
end
if not it or it.claim ~= claim then
  redis.call('HSET', logins, '~' .. id, claim)
  keep(logins, seconds)
end
return 0
