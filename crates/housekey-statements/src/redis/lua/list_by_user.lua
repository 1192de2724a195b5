-- Looks at `most` of the user's entries, from `start` on, newest first. Returns where to continue, whether there may be
-- more, and the id and the text of each record.
local now, start, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local entries = redis.call('ZREVRANGE', seen, start, start + most - 1)
local records = {}
for _, entry in ipairs(entries) do
  local id, it = about(entry)
  if not it then
    redis.call('ZREM', seen, entry)
  else
    start = start + 1
    if tonumber(it.ends) > now then
      table.insert(records, { id, it.text })
    end
  end
end
return { start, #entries == most and 1 or 0, records }
