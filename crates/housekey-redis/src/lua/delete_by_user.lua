-- Returns the ids of the records that were deleted.
local user, except = ARGV[2], ARGV[3]
local deleted = {}
for _, id in ipairs(redis.call('ZRANGE', user_key(user), 0, -1)) do
  if id ~= except and delete(id, user) == 1 then
    table.insert(deleted, id)
  end
end
return deleted
