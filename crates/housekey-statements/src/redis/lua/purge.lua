-- Of the records with the ids that follow the time, deletes those that had expired by then. Returns the id and the claim of
-- each.
local time, gone = tonumber(ARGV[2]), {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local it = read(id)
  if not it then
    redis.call('ZREM', expiry, id .. user)
  elseif tonumber(it.ends) <= time then
    drop(id, it, gone)
  end
end
return gone
