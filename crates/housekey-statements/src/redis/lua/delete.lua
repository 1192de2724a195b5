-- Returns 1 and the record's claim if there was a record.
local id = ARGV[2]
local it = read(id)
if not it then
  return { 0, '' }
end
forget(id, it)
return { 1, it.claim }
