"""What every face of the instance shares: errors, keys, limits, quota."""
