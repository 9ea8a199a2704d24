-- Forget an open incident, unless it was opened anew since it was read.
-- KEYS[1] the hash of open incidents; ARGV[1] the dedup key; ARGV[2] the value that was read
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
