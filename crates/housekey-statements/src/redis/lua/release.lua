-- Deletes a pointer that leads to no record, unless it has changed since, or sets it back to what it was before.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
  else
    redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
  end
end
return 1
