-- For somebody else who wants an id that points to this user. Returns 1 if the user has a record with it that lives. Else there will
-- be none by the claim that the id was pointed here with, also if that one is still under way.
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
