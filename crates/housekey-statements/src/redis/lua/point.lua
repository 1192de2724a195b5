-- Keeps a pointer for at least this many seconds. Restores a lost one.
local value, seconds = ARGV[1], ARGV[2]
local there = redis.call('GET', KEYS[1])
if not there then
  redis.call('SET', KEYS[1], value, 'EX', seconds)
elseif there == value and redis.call('TTL', KEYS[1]) < tonumber(seconds) then
  redis.call('EXPIRE', KEYS[1], seconds)
end
return 1
