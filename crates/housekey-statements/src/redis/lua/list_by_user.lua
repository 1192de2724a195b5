-- Looks at `most` entries of the user's list, from `start` on, the newest first. Returns where to go on, whether there may be
-- more, and the id and the fields of each record.
local user, now = ARGV[2], tonumber(ARGV[3])
local start, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local entries = redis.call('ZRANGE', user_key(user), start, start + most - 1, 'REV')
local records = {}
for _, entry in ipairs(entries) do
  local id, made = parts(entry)
  local found = fields(id, made, user, 'version', 'last_seen_at', 'expires_at', 'data')
  if not found then
    forget(id, made, user)
  else
    start = start + 1
    if tonumber(found[5]) > now then
      table.insert(records, { id, found })
    end
  end
end
return { start, #entries == most and 1 or 0, records }
