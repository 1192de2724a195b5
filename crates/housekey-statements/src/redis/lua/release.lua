-- Deletes a pointer that leads to no record, unless it has changed since.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
