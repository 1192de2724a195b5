-- Returns how many of the user's entries were processed, `limit` if there may be more, and the id and the claim of each
-- deleted record.
local except, limit = ARGV[2], tonumber(ARGV[3])
local count, gone = 0, {}
-- One more, for the record that stays.
for _, entry in ipairs(redis.call('ZRANGE', seen, 0, limit)) do
  if string.sub(entry, 17) ~= except and count < limit then
    count = count + 1
    drop_entry(entry, gone)
  end
end
-- Records that are missing from the order end too.
if count < limit then
  for _, id in ipairs(redis.call('HKEYS', logins)) do
    if id ~= except and count < limit and string.sub(id, 1, 1) ~= '~' then
      count = count + 1
      drop(id, read(id), gone)
    end
  end
end
return { count, gone }
