-- Returns 0 if the record does not exist, 1 if the use was not noted, 2 if it was, and 3 and the record's claim if its life
-- was extended.
local id, now, unless_since, expires_at, seconds = unpack(ARGV, 2, 6)
local it = read(id)
if not it then
  return { 0, '' }
end
if tonumber(it.last) >= tonumber(unless_since) or tonumber(it.ends) <= tonumber(now) then
  return { 1, '' }
end
it.last = now
if tonumber(it.ends) < tonumber(expires_at) then
  it.ends = expires_at
  write(id, it, seconds)
  return { 3, it.claim }
end
-- For as long as it lives. This matters only where Redis has dropped the order of the user's records.
local longest = tonumber(seconds) + tonumber(it.ends) - tonumber(expires_at)
write(id, it, string.format('%.0f', math.min(longest, 1e12)))
return { 2, '' }
