-- Returns 2 and the record's claim if the record was changed, 1 if it has another version, 0 if it does not exist.
local id, version, made, last, ends, data, seconds = unpack(ARGV, 2, 8)
local it = read(id)
if not it then
  return { 0, '' }
end
if it.version ~= version then
  return { 1, '' }
end
local before = pad(it.made)
local next_version = string.format('%.0f', tonumber(version) + 1)
write(id, { version = next_version, made = made, last = last, ends = ends, claim = it.claim, data = data }, seconds)
if before ~= pad(made) then
  redis.call('ZREM', seen, before .. id)
end
return { 2, it.claim }
