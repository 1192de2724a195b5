-- Returns how many entries of the user's list are gone, `limit` if there may be more, and the ids of the records that were
-- deleted.
local user, except, limit = ARGV[2], ARGV[3], tonumber(ARGV[4])
local gone, deleted = 0, {}
-- One more, for the one that stays.
for _, entry in ipairs(redis.call('ZRANGE', user_key(user), 0, limit)) do
  local id, made = parts(entry)
  if id ~= except and gone < limit then
    gone = gone + 1
    if delete(id, made, user) == 1 then
      table.insert(deleted, id)
    end
  end
end
return { gone, deleted }
