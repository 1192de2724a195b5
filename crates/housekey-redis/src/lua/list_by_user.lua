-- Looks at `most` entries of the user's list, from `start` on, the newest first. Returns where to go on, whether there may be
-- more, and the id and the fields of each record.
local user, now = ARGV[2], tonumber(ARGV[3])
local start, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local entries = redis.call('ZRANGE', user_key(user), start, start + most - 1, 'REV')
local records = {}
for _, entry in ipairs(entries) do
  local id, made = parts(entry)
  local fields = redis.call('HMGET', login_key(id),
    'user_id', 'version', 'created_at', 'last_seen_at', 'expires_at', 'data')
  if not fields[1] then
    -- Redis has deleted it by itself.
    forget(id, made, user)
  else
    start = start + 1
    if tonumber(fields[5]) > now then
      table.insert(records, { id, fields })
    end
  end
end
return { start, #entries == most and 1 or 0, records }
