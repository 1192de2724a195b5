-- Returns how many were deleted.
return purge(ARGV[2], ARGV[3])
